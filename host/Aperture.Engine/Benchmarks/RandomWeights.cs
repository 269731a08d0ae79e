using Aperture.Models;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Benchmarks;

/// <summary>
/// Weights of a decoder made on demand: matrices N(0, 0.02), norms 1. Values are a function of seed and name, so that two openings agree.
/// </summary>
/// <param name="config">Sizes.</param>
/// <param name="type">Element type.</param>
/// <param name="seed">Seed.</param>
public sealed class RandomWeights(DecoderConfig config, ScalarType type, long seed) : IWeightSource
{
    private readonly Dictionary<string, long[]> _shapes = DecoderShapes(config, "model.", "lm_head").ToDictionary(s => s.Name, s => s.Shape, StringComparer.Ordinal);

    /// <inheritdoc />
    public IReadOnlyCollection<string> Names => _shapes.Keys;

    /// <summary>Names and shapes of a decoder's tensors in the order of the published files.</summary>
    /// <param name="config">Sizes.</param>
    /// <param name="prefix">What stands before <c>embed_tokens</c>.</param>
    /// <param name="head">The output matrix without <c>.weight</c>.</param>
    public static IEnumerable<(string Name, long[] Shape)> DecoderShapes(DecoderConfig config, string prefix, string head)
    {
        long d = config.HiddenSize, m = config.IntermediateSize, q = config.Heads * config.HeadSize, kv = config.KeyValueHeads * config.HeadSize;
        yield return (prefix + "embed_tokens.weight", [config.VocabularySize, d]);
        for (int layer = 0; layer < config.Layers; layer++)
        {
            string name = $"{prefix}layers.{layer}.";
            yield return (name + "self_attn.q_proj.weight", [q, d]);
            yield return (name + "self_attn.k_proj.weight", [kv, d]);
            yield return (name + "self_attn.v_proj.weight", [kv, d]);
            yield return (name + "self_attn.o_proj.weight", [d, q]);
            yield return (name + "mlp.gate_proj.weight", [m, d]);
            yield return (name + "mlp.up_proj.weight", [m, d]);
            yield return (name + "mlp.down_proj.weight", [d, m]);
            yield return (name + "input_layernorm.weight", [d]);
            yield return (name + "post_attention_layernorm.weight", [d]);
        }

        yield return (prefix + "norm.weight", [d]);
        yield return (head + ".weight", [config.VocabularySize, d]);
    }

    /// <inheritdoc />
    public bool Contains(string name) => _shapes.ContainsKey(name);

    /// <inheritdoc />
    public WeightInfo Describe(string name) => new(type.ToString(), type, _shapes[name]);

    /// <inheritdoc />
    public Tensor Load(string name)
    {
        long[] shape = _shapes[name];
        if (shape.Length == 1)
        {
            return ones(shape, dtype: type);
        }

        using Generator generator = new((ulong)seed ^ NameHash(name), CPU);
        using Tensor values = randn(shape, dtype: ScalarType.Float32, generator: generator);
        using Tensor scaled = values.mul_(0.02).alias();
        return scaled.to_type(type);
    }

    /// <summary>Nothing to release.</summary>
    public void Dispose()
    {
    }

    // FNV-1a: a hash that does not change between processes.
    private static ulong NameHash(string name)
    {
        ulong hash = 14695981039346656037;
        foreach (char c in name)
        {
            hash = (hash ^ c) * 1099511628211;
        }

        return hash;
    }
}
