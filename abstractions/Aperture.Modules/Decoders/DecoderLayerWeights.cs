using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Models;

/// <summary>
/// The weights of one decoder layer. On a GPU q, k, v and gate, up are fused into one matrix each (fewer launches); on the CPU they stay the mapped matrices of the checkpoint.
/// A checkpoint may leave out a layer's attention, where a method takes its place. Owns its tensors.
/// </summary>
public sealed class DecoderLayerWeights : IDisposable
{
    private static readonly string[] _attentionNames = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"];
    private LinearWeights[] _attention = []; // q, k, v, o; empty without attention

    /// <summary>Gain of the norm before attention, <c>input_layernorm</c> <c>[d]</c>.</summary>
    public required Tensor InputNorm { get; init; }

    /// <summary>Gain of the norm before the feed-forward network, <c>post_attention_layernorm</c> <c>[d]</c>.</summary>
    public required Tensor PostAttentionNorm { get; init; }

    /// <summary>Whether the checkpoint has the four matrices of attention. Where it has not, they must not be asked for.</summary>
    public bool HasAttention => _attention.Length > 0;

    /// <summary><c>q_proj</c> <c>[heads * head, d]</c>.</summary>
    public LinearWeights Query => Attention(0);

    /// <summary><c>k_proj</c> <c>[kv heads * head, d]</c>.</summary>
    public LinearWeights Key => Attention(1);

    /// <summary><c>v_proj</c> <c>[kv heads * head, d]</c>.</summary>
    public LinearWeights Value => Attention(2);

    /// <summary><c>o_proj</c> <c>[d, heads * head]</c>.</summary>
    public LinearWeights Output => Attention(3);

    /// <summary><c>gate_proj</c> <c>[m, d]</c>.</summary>
    public required LinearWeights Gate { get; init; }

    /// <summary><c>up_proj</c> <c>[m, d]</c>.</summary>
    public required LinearWeights Up { get; init; }

    /// <summary><c>down_proj</c> <c>[d, m]</c>.</summary>
    public required LinearWeights Down { get; init; }

    /// <summary>q, k and v as one matrix on a GPU, of which the three above are views; else null.</summary>
    public LinearWeights? FusedQueryKeyValue { get; private init; }

    /// <summary>gate and up as one matrix on a GPU, of which the two above are views; else null.</summary>
    public LinearWeights? FusedGateUp { get; private init; }

    /// <summary>Loads a layer; without attention where the checkpoint has none of its four matrices.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="prefix">What stands before <c>self_attn</c>, ending in a dot.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="policy">Where and in which type.</param>
    public static DecoderLayerWeights Load(IWeightSource source, string prefix, DecoderConfig config, WeightPolicy policy)
    {
        int d = config.HiddenSize, m = config.IntermediateSize;
        int q = config.Heads * config.HeadSize, kv = config.KeyValueHeads * config.HeadSize;
        bool bias = config.QueryKeyValueBias, mlpBias = config.FeedForwardBias;
        List<IDisposable> loaded = [];
        T Keep<T>(T item)
            where T : IDisposable
        {
            loaded.Add(item);
            return item;
        }

        try
        {
            Tensor inputNorm = Keep(policy.Vector(source, prefix + "input_layernorm.weight", d));
            Tensor postNorm = Keep(policy.Vector(source, prefix + "post_attention_layernorm.weight", d));
            LinearWeights[] attention = [];
            if (_attentionNames.Any(name => source.Contains($"{prefix}{name}.weight")))
            {
                LinearWeights Part(int index, int outputs, int inputs, bool biased) => Keep(policy.Linear(source, prefix + _attentionNames[index], outputs, inputs, biased));
                attention = [Part(0, q, d, bias), Part(1, kv, d, bias), Part(2, kv, d, bias), Part(3, d, q, config.OutputBias)];
            }

            LinearWeights gate = Keep(policy.Linear(source, prefix + "mlp.gate_proj", m, d, mlpBias));
            LinearWeights up = Keep(policy.Linear(source, prefix + "mlp.up_proj", m, d, mlpBias));
            LinearWeights down = Keep(policy.Linear(source, prefix + "mlp.down_proj", d, m, mlpBias));
            LinearWeights? fusedQkv = null, fusedGateUp = null;
            if (policy.Device.type != DeviceType.CPU)
            {
                fusedQkv = attention.Length == 0 ? null : Fuse(ref attention[0], ref attention[1], ref attention[2]);
                LinearWeights none = new(zeros(0, d, dtype: gate.StoredType, device: policy.Device), gate.Bias is null ? null : zeros(0, dtype: policy.Compute, device: policy.Device));
                fusedGateUp = Fuse(ref gate, ref up, ref none);
                none.Dispose();
            }

            return new DecoderLayerWeights
            {
                InputNorm = inputNorm,
                PostAttentionNorm = postNorm,
                _attention = attention,
                Gate = gate,
                Up = up,
                Down = down,
                FusedQueryKeyValue = fusedQkv,
                FusedGateUp = fusedGateUp,
            };
        }
        catch
        {
            loaded.ForEach(item => item.Dispose());
            throw;
        }
    }

    /// <summary>All tensors by published name.</summary>
    /// <param name="prefix">As in <see cref="Load"/>.</param>
    public IEnumerable<(string Name, Tensor Tensor)> Named(string prefix)
    {
        yield return (prefix + "input_layernorm.weight", InputNorm);
        yield return (prefix + "post_attention_layernorm.weight", PostAttentionNorm);
        (string, LinearWeights)[] linears = [.. _attentionNames.Zip(_attention), ("mlp.gate_proj", Gate), ("mlp.up_proj", Up), ("mlp.down_proj", Down)];
        foreach ((string name, LinearWeights linear) in linears)
        {
            yield return ($"{prefix}{name}.weight", linear.Weight);
            if (linear.Bias is { } bias)
            {
                yield return ($"{prefix}{name}.bias", bias);
            }
        }
    }

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        InputNorm.Dispose();
        PostAttentionNorm.Dispose();
        foreach (LinearWeights linear in (LinearWeights[])[.. _attention, Gate, Up, Down])
        {
            linear.Dispose();
        }

        FusedQueryKeyValue?.Dispose();
        FusedGateUp?.Dispose();
    }

    private LinearWeights Attention(int index)
        => HasAttention ? _attention[index] : throw new InvalidOperationException("The layer has no attention weights; a method that replaces its attention has to act in it.");

    // Joins three layers into one matrix and makes them views of it.
    private static LinearWeights Fuse(ref LinearWeights a, ref LinearWeights b, ref LinearWeights c)
    {
        LinearWeights[] parts = [a, b, c];
        Tensor weight = cat([.. parts.Select(p => p.Weight)], 0);
        Tensor? bias = a.Bias is null ? null : cat([.. parts.Select(p => p.Bias!)], 0);
        int next = 0;
        for (int i = 0; i < parts.Length; i++)
        {
            int rows = parts[i].Outputs;
            LinearWeights view = new(weight.narrow(0, next, rows), bias?.narrow(0, next, rows));
            parts[i].Dispose();
            parts[i] = view;
            next += rows;
        }

        (a, b, c) = (parts[0], parts[1], parts[2]);
        return new LinearWeights(weight, bias);
    }
}
