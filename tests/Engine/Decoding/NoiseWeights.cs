using Aperture.Decoding;
using Aperture.Models;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Decoding;

/// <summary>Random weights, wide enough that attention is far from uniform; biases where the configuration has them.</summary>
internal sealed class NoiseWeights : IWeightSource
{
    private readonly Dictionary<string, Tensor> _tensors = [];

    public NoiseWeights(DecoderSpec spec, long seed)
    {
        using Generator generator = new((ulong)seed, CPU);
        foreach ((string name, long[] shape) in Benchmarks.RandomWeights.DecoderShapes(spec, "model.", "lm_head"))
        {
            using Tensor noise = randn(shape, generator: generator);
            Tensor values = name.EndsWith(".bias", StringComparison.Ordinal) ? noise.alias()
                : shape.Length == 1 ? noise.mul(0.1).add(1)
                : noise.mul(1.2 / Math.Sqrt(shape[1]));
            _tensors[name] = values.DetachFromDisposeScope();
        }
    }

    public IReadOnlyCollection<string> Names => _tensors.Keys;

    public Tensor this[string name] => _tensors[name];

    public bool Contains(string name) => _tensors.ContainsKey(name);

    public WeightInfo Describe(string name) => new("F32", ScalarType.Float32, _tensors[name].shape);

    public Tensor Load(string name) => _tensors[name].alias();

    public void Dispose()
    {
        foreach (Tensor tensor in _tensors.Values)
        {
            tensor.Dispose();
        }
    }
}
