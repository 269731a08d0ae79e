using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>
/// The weights of one decoder layer under the canonical names. On a GPU dense q, k, v and gate, up are fused into one matrix each (fewer launches); on the CPU
/// they stay the mapped matrices of the checkpoint. A checkpoint may leave out a layer's attention, where a method takes its place. Owns its tensors.
/// </summary>
public sealed class DecoderLayerWeights : IDisposable
{
    private const string InputNormName = "input_layernorm", SecondNormName = "post_attention_layernorm";
    private static readonly string[] _attentionNames = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"];
    private Matrix[] _attention = []; // q, k, v, o; empty without attention

    private DecoderLayerWeights()
    {
    }

    /// <summary>The norm before attention, <c>input_layernorm</c>. A parallel block has this one alone.</summary>
    public required NormWeights InputNorm { get; init; }

    /// <summary>The norm before the feed-forward network, <c>post_attention_layernorm</c>; null in a parallel block.</summary>
    public NormWeights? PostAttentionNorm { get; private init; }

    /// <summary>Whether the checkpoint has the four matrices of attention. Where it has not, they must not be asked for.</summary>
    public bool HasAttention => _attention.Length > 0;

    /// <summary><c>q_proj</c> <c>[heads * head, d]</c>.</summary>
    public Matrix Query => Attention(0);

    /// <summary><c>k_proj</c> <c>[kv heads * head, d]</c>.</summary>
    public Matrix Key => Attention(1);

    /// <summary><c>v_proj</c> <c>[kv heads * head, d]</c>.</summary>
    public Matrix Value => Attention(2);

    /// <summary><c>o_proj</c> <c>[d, heads * head]</c>.</summary>
    public Matrix Output => Attention(3);

    /// <summary><c>gate_proj</c> <c>[m, d]</c>; null in a feed-forward network of two matrices.</summary>
    public Matrix? Gate { get; private init; }

    /// <summary><c>up_proj</c> <c>[m, d]</c>: the first of two matrices where there is no gate.</summary>
    public required Matrix Up { get; init; }

    /// <summary><c>down_proj</c> <c>[d, m]</c>.</summary>
    public required Matrix Down { get; init; }

    /// <summary>q, k and v as one matrix on a GPU, of which the three above are views; else null.</summary>
    public Matrix? FusedQueryKeyValue { get; private init; }

    /// <summary>gate and up as one matrix on a GPU, of which the two above are views; else null.</summary>
    public Matrix? FusedGateUp { get; private init; }

    /// <summary>Loads a layer; without attention where the checkpoint has none of its four matrices.</summary>
    /// <param name="source">The checkpoint under canonical names.</param>
    /// <param name="prefix">What stands before <c>self_attn</c>, ending in a dot.</param>
    /// <param name="spec">The decoder.</param>
    /// <param name="policy">Where and in which type.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static DecoderLayerWeights Load(IWeightSource source, string prefix, DecoderSpec spec, WeightPolicy policy)
    {
        int d = spec.HiddenSize, m = spec.IntermediateSize, q = spec.Heads * spec.HeadSize, kv = spec.KeyValueHeads * spec.HeadSize;
        List<IDisposable> loaded = [];
        T Keep<T>(T item)
            where T : IDisposable
        {
            loaded.Add(item);
            return item;
        }

        Matrix Part(string name, int outputs, int inputs, bool bias) => Keep(policy.Linear(source, prefix + name, outputs, inputs, bias));
        try
        {
            NormWeights inputNorm = Keep(policy.Norm(source, prefix + InputNormName, spec.Norm, d));
            NormWeights? secondNorm = spec.ParallelBlock ? null : Keep(policy.Norm(source, prefix + SecondNormName, spec.Norm, d));
            Matrix[] attention = [];
            if (_attentionNames.Any(name => source.Contains($"{prefix}{name}.weight")))
            {
                attention =
                [
                    Part(_attentionNames[0], q, d, spec.QueryKeyValueBias), Part(_attentionNames[1], kv, d, spec.QueryKeyValueBias),
                    Part(_attentionNames[2], kv, d, spec.QueryKeyValueBias), Part(_attentionNames[3], d, q, spec.OutputBias),
                ];
            }

            Matrix? gate = spec.GatedFeedForward ? Part("mlp.gate_proj", m, d, spec.FeedForwardBias) : null;
            Matrix up = Part("mlp.up_proj", m, d, spec.FeedForwardBias), down = Part("mlp.down_proj", d, m, spec.FeedForwardBias);
            Matrix? fusedQkv = null, fusedGateUp = null;
            if (policy.Device.type != DeviceType.CPU)
            {
                fusedQkv = Fuse(attention.AsSpan(0, Math.Min(3, attention.Length)));
                if (gate is not null)
                {
                    Matrix[] both = [gate, up];
                    fusedGateUp = Fuse(both);
                    (gate, up) = (both[0], both[1]);
                }
            }

            return new DecoderLayerWeights
            {
                InputNorm = inputNorm,
                PostAttentionNorm = secondNorm,
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

    /// <summary>All tensors by canonical name; of matrices that are not stored dense, the biases alone.</summary>
    /// <param name="prefix">As in <see cref="Load"/>.</param>
    public IEnumerable<(string Name, Tensor Tensor)> Named(string prefix)
        => [.. NamedNorms(prefix), .. Matrices(prefix).SelectMany(entry => entry.Matrix.Named(entry.Name))];

    /// <summary>The norms' tensors by canonical name.</summary>
    /// <param name="prefix">As in <see cref="Load"/>.</param>
    public IEnumerable<(string Name, Tensor Tensor)> NamedNorms(string prefix)
        => [.. InputNorm.Named(prefix + InputNormName), .. PostAttentionNorm?.Named(prefix + SecondNormName) ?? []];

    /// <summary>The matrices by canonical name without <c>.weight</c>.</summary>
    /// <param name="prefix">As in <see cref="Load"/>.</param>
    public IEnumerable<(string Name, Matrix Matrix)> Matrices(string prefix) =>
    [
        .. _attention.Select((matrix, index) => (prefix + _attentionNames[index], matrix)),
        .. Gate is null ? Array.Empty<(string, Matrix)>() : [(prefix + "mlp.gate_proj", Gate)],
        (prefix + "mlp.up_proj", Up),
        (prefix + "mlp.down_proj", Down),
    ];

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        InputNorm.Dispose();
        PostAttentionNorm?.Dispose();
        foreach (Matrix? matrix in (Matrix?[])[.. _attention, Gate, Up, Down, FusedQueryKeyValue, FusedGateUp])
        {
            matrix?.Dispose();
        }
    }

    private Matrix Attention(int index)
        => HasAttention ? _attention[index] : throw new InvalidOperationException(
            "The layer has no attention weights; a method that replaces its attention has to act in it.");

    // Joins dense matrices into one and makes them views of it; null where there are none or one is stored otherwise.
    private static DenseMatrix? Fuse(Span<Matrix> parts)
    {
        DenseMatrix[] dense = [.. parts.ToArray().OfType<DenseMatrix>()];
        if (dense.Length == 0 || dense.Length < parts.Length)
        {
            return null;
        }

        Tensor weight = cat([.. dense.Select(part => part.Weight)], 0);
        Tensor? bias = dense[0].Bias is null ? null : cat([.. dense.Select(part => part.Bias!)], 0);
        int next = 0;
        for (int i = 0; i < dense.Length; i++)
        {
            int rows = dense[i].Outputs;
            parts[i] = new DenseMatrix(weight.narrow(0, next, rows), bias?.narrow(0, next, rows));
            dense[i].Dispose();
            next += rows;
        }

        return new DenseMatrix(weight, bias);
    }
}
