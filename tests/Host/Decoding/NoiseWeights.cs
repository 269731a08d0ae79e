using Aperture.Models;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Host.Tests.Decoding;

/// <summary>Random weights, wide enough that attention is far from uniform; biases where the configuration has them.</summary>
internal sealed class NoiseWeights : IWeightSource
{
    private readonly Dictionary<string, Tensor> _tensors = [];

    public NoiseWeights(DecoderConfig config, long seed)
    {
        using Generator generator = new((ulong)seed, CPU);
        foreach ((string name, long[] shape) in Benchmarks.RandomWeights.DecoderShapes(config, "model.", "lm_head"))
        {
            using Tensor noise = randn(shape, generator: generator);
            _tensors[name] = shape.Length == 1 ? noise.mul(0.1).add(1).DetachFromDisposeScope() : noise.mul(1.2 / Math.Sqrt(shape[1])).DetachFromDisposeScope();
            if (config.QueryKeyValueBias && (name.Contains("q_proj") || name.Contains("k_proj") || name.Contains("v_proj")))
            {
                _tensors[name.Replace(".weight", ".bias")] = randn([shape[0]], generator: generator).DetachFromDisposeScope();
            }
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
