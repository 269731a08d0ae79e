using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Models;

/// <summary>
/// The weights of one decoder layer. On a GPU q, k, v and gate, up are fused into one matrix each (fewer launches); on the CPU they stay the mapped matrices of the checkpoint.
/// Owns its tensors.
/// </summary>
public sealed class DecoderLayerWeights : IDisposable
{
    /// <summary>Gain of the norm before attention, <c>input_layernorm</c> <c>[d]</c>.</summary>
    public required Tensor InputNorm { get; init; }

    /// <summary>Gain of the norm before the feed-forward network, <c>post_attention_layernorm</c> <c>[d]</c>.</summary>
    public required Tensor PostAttentionNorm { get; init; }

    /// <summary><c>q_proj</c> <c>[heads * head, d]</c>.</summary>
    public required LinearWeights Query { get; init; }

    /// <summary><c>k_proj</c> <c>[kv heads * head, d]</c>.</summary>
    public required LinearWeights Key { get; init; }

    /// <summary><c>v_proj</c> <c>[kv heads * head, d]</c>.</summary>
    public required LinearWeights Value { get; init; }

    /// <summary><c>o_proj</c> <c>[d, heads * head]</c>.</summary>
    public required LinearWeights Output { get; init; }

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

    /// <summary>Loads a layer.</summary>
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
            LinearWeights query = Keep(policy.Linear(source, prefix + "self_attn.q_proj", q, d, bias));
            LinearWeights key = Keep(policy.Linear(source, prefix + "self_attn.k_proj", kv, d, bias));
            LinearWeights value = Keep(policy.Linear(source, prefix + "self_attn.v_proj", kv, d, bias));
            LinearWeights output = Keep(policy.Linear(source, prefix + "self_attn.o_proj", d, q, config.OutputBias));
            LinearWeights gate = Keep(policy.Linear(source, prefix + "mlp.gate_proj", m, d, mlpBias));
            LinearWeights up = Keep(policy.Linear(source, prefix + "mlp.up_proj", m, d, mlpBias));
            LinearWeights down = Keep(policy.Linear(source, prefix + "mlp.down_proj", d, m, mlpBias));
            LinearWeights? fusedQkv = null, fusedGateUp = null;
            if (policy.Device.type != DeviceType.CPU)
            {
                fusedQkv = Fuse(ref query, ref key, ref value);
                LinearWeights none = new(zeros(0, d, dtype: gate.StoredType, device: policy.Device), gate.Bias is null ? null : zeros(0, dtype: policy.Compute, device: policy.Device));
                fusedGateUp = Fuse(ref gate, ref up, ref none);
                none.Dispose();
            }

            return new DecoderLayerWeights
            {
                InputNorm = inputNorm,
                PostAttentionNorm = postNorm,
                Query = query,
                Key = key,
                Value = value,
                Output = output,
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
        (string, LinearWeights)[] linears =
        [
            ("self_attn.q_proj", Query), ("self_attn.k_proj", Key), ("self_attn.v_proj", Value), ("self_attn.o_proj", Output),
            ("mlp.gate_proj", Gate), ("mlp.up_proj", Up), ("mlp.down_proj", Down),
        ];
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
        foreach (LinearWeights linear in new[] { Query, Key, Value, Output, Gate, Up, Down })
        {
            linear.Dispose();
        }

        FusedQueryKeyValue?.Dispose();
        FusedGateUp?.Dispose();
    }

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
