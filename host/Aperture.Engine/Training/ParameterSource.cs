using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>
/// Parameters as a checkpoint whose tensors are cast to the type computed in, with gradients flowing back through the cast: the models load them as they load a
/// file.
/// </summary>
internal sealed class ParameterSource(IReadOnlyDictionary<string, Tensor> parameters, ScalarType compute) : IWeightSource
{
    private readonly string[] _names = [.. parameters.Keys];

    public IReadOnlyCollection<string> Names => _names;

    public bool Contains(string name) => parameters.ContainsKey(name);

    public WeightInfo Describe(string name)
        => new(
            compute == ScalarType.BFloat16 ? "BF16" : "F32", compute, (parameters.TryGetValue(name, out Tensor? tensor) ? tensor : throw Missing(name)).shape);

    public Tensor Load(string name)
    {
        Tensor parameter = parameters.TryGetValue(name, out Tensor? tensor) ? tensor : throw Missing(name);
        return parameter.dtype == compute ? parameter.alias() : parameter.to_type(compute);
    }

    public void Dispose()
    {
    }

    private static ApertureException Missing(string name) => new($"The training run has no parameter '{name}'.");
}
