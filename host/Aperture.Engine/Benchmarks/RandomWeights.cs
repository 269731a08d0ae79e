using Aperture.Decoding;
using Aperture.Models;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Benchmarks;

/// <summary>
/// Weights of a decoder made on demand: matrices and biases N(0, 0.02), gains 1. Values are a function of seed and name, so that two openings agree.
/// </summary>
/// <param name="spec">The decoder.</param>
/// <param name="type">Element type.</param>
/// <param name="seed">Seed.</param>
public sealed class RandomWeights(DecoderSpec spec, ScalarType type, long seed) : IWeightSource
{
    private readonly Dictionary<string, long[]> _shapes
        = DecoderShapes(spec, "model.", "lm_head").ToDictionary(s => s.Name, s => s.Shape, StringComparer.Ordinal);

    /// <inheritdoc />
    public IReadOnlyCollection<string> Names => _shapes.Keys;

    /// <summary>Names and shapes of a decoder's tensors in the order of the published files.</summary>
    /// <param name="spec">The decoder.</param>
    /// <param name="prefix">What stands before <c>embed_tokens</c>.</param>
    /// <param name="head">The output matrix without <c>.weight</c>.</param>
    public static IEnumerable<(string Name, long[] Shape)> DecoderShapes(DecoderSpec spec, string prefix, string head)
    {
        long d = spec.HiddenSize, m = spec.IntermediateSize, q = spec.Heads * spec.HeadSize, kv = spec.KeyValueHeads * spec.HeadSize;
        bool qkv = spec.QueryKeyValueBias, mlp = spec.FeedForwardBias;
        yield return (prefix + "embed_tokens.weight", [spec.VocabularySize, d]);
        for (int layer = 0; layer < spec.Layers; layer++)
        {
            string name = $"{prefix}layers.{layer}.";
            (string, long[])[] own =
            [
                .. Linear(name + "self_attn.q_proj", q, d, qkv), .. Linear(name + "self_attn.k_proj", kv, d, qkv),
                .. Linear(name + "self_attn.v_proj", kv, d, qkv), .. Linear(name + "self_attn.o_proj", d, q, spec.OutputBias),
                .. spec.GatedFeedForward ? Linear(name + "mlp.gate_proj", m, d, mlp) : [],
                .. Linear(name + "mlp.up_proj", m, d, mlp), .. Linear(name + "mlp.down_proj", d, m, mlp),
                .. Norm(name + "input_layernorm", spec), .. spec.ParallelBlock ? [] : Norm(name + "post_attention_layernorm", spec),
            ];
            foreach ((string, long[]) tensor in own)
            {
                yield return tensor;
            }
        }

        foreach ((string, long[]) tensor in Norm(prefix + "norm", spec).Concat(Linear(head, spec.VocabularySize, d, spec.HeadBias)))
        {
            yield return tensor;
        }
    }

    /// <inheritdoc />
    public bool Contains(string name) => _shapes.ContainsKey(name);

    /// <inheritdoc />
    public WeightInfo Describe(string name) => new(type.ToString(), type, _shapes[name]);

    /// <inheritdoc />
    public Tensor Load(string name)
    {
        long[] shape = _shapes[name];
        if (shape.Length == 1 && name.EndsWith(".weight", StringComparison.Ordinal))
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

    private static (string Name, long[] Shape)[] Linear(string name, long outputs, long inputs, bool bias)
        => bias ? [(name + ".weight", [outputs, inputs]), (name + ".bias", [outputs])] : [(name + ".weight", [outputs, inputs])];

    private static (string Name, long[] Shape)[] Norm(string name, DecoderSpec spec)
        => spec.Norm == NormKind.Layer ? [(name + ".weight", [spec.HiddenSize]), (name + ".bias", [spec.HiddenSize])] : [(name + ".weight", [spec.HiddenSize])];

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
