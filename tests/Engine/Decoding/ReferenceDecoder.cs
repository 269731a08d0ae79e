using Aperture.Decoding;
using Aperture.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Decoding;

/// <summary>
/// The decoder in its plainest form, for one sequence: full attention matrices, keys and values copied for grouped heads, one mask a layer. The oracle for
/// everything that is fused, packed, cached or dropped, and for every kind of block.
/// </summary>
internal sealed class ReferenceDecoder(DecoderSpec config, NoiseWeights weights)
{
    private int[][]? _positions; // [axes][rows]; null for 0, 1, 2, …

    /// <summary>Logits of all rows.</summary>
    /// <param name="ids">Ids of the sequence.</param>
    /// <param name="visible">Whether in a layer a row sees a key; only asked for keys at or before the row.</param>
    /// <param name="positions">Position ids <c>[axes][rows]</c>; null for 0, 1, 2, ….</param>
    public Tensor Logits(int[] ids, Func<int, int, int, bool>? visible = null, int[][]? positions = null)
    {
        using DisposeScope scope = NewDisposeScope();
        _positions = positions;
        Tensor x = weights["model.embed_tokens.weight"].index_select(0, tensor(ids, dtype: ScalarType.Int64)) * config.EmbeddingScale;
        for (int layer = 0; layer < config.Layers; layer++)
        {
            string name = $"model.layers.{layer}.";
            Tensor n = Norm(x, name + "input_layernorm.weight");
            Tensor attended = Attention(name + "self_attn.", n, Mask(layer, ids.Length, visible)) * config.ResidualScale;
            x = config.ParallelBlock
                ? x + attended + (FeedForward(name + "mlp.", n) * config.ResidualScale)
                : x + attended + (FeedForward(name + "mlp.", Norm(x + attended, name + "post_attention_layernorm.weight")) * config.ResidualScale);
        }

        return Linear(Norm(x, "model.norm.weight") * config.LogitScale, "lm_head").MoveToOuterDisposeScope();
    }

    public Tensor Norm(Tensor x, string gain)
    {
        Tensor centred = config.Norm == NormKind.Layer ? x - x.mean([-1], keepdim: true) : x;
        Tensor scaled = centred * (centred.pow(2).mean([-1], keepdim: true) + config.NormEpsilon).rsqrt() * weights[gain];
        return config.Norm == NormKind.Layer ? scaled + weights[gain.Replace(".weight", ".bias")] : scaled;
    }

    public Tensor FeedForward(string prefix, Tensor n)
    {
        Tensor up = Linear(n, prefix + "up_proj");
        return Linear(config.GatedFeedForward ? Activated(Linear(n, prefix + "gate_proj")) * up : Activated(up), prefix + "down_proj");
    }

    private Tensor Activated(Tensor x) => config.Activation switch
    {
        "silu" => x * x.sigmoid(),
        "gelu_new" => x * 0.5 * (((x + (x.pow(3) * 0.044715)) * Math.Sqrt(2 / Math.PI)).tanh() + 1),
        _ => throw new NotSupportedException(config.Activation),
    };

    private Tensor Linear(Tensor x, string name)
    {
        Tensor y = x.matmul(weights[name + ".weight"].t());
        return weights.Contains(name + ".bias") ? y + weights[name + ".bias"] : y;
    }

    private Tensor Attention(string prefix, Tensor n, Tensor mask)
    {
        long rows = n.shape[0], group = config.Heads / config.KeyValueHeads;
        Tensor q = Rotate(Linear(n, prefix + "q_proj").view(rows, config.Heads, config.HeadSize).transpose(0, 1));
        Tensor k = Rotate(Linear(n, prefix + "k_proj").view(rows, config.KeyValueHeads, config.HeadSize).transpose(0, 1)).repeat_interleave(group, 0);
        Tensor v = Linear(n, prefix + "v_proj").view(rows, config.KeyValueHeads, config.HeadSize).transpose(0, 1).repeat_interleave(group, 0);
        Tensor weightsOf = (q.matmul(k.transpose(1, 2)) / Math.Sqrt(config.HeadSize)).masked_fill(mask.logical_not(), float.NegativeInfinity).softmax(-1);
        return Linear(weightsOf.matmul(v).transpose(0, 1).reshape(rows, config.Heads * config.HeadSize), prefix + "o_proj");
    }

    private Tensor Rotate(Tensor x)
    {
        int dimensions = config.Rotary.Dimensions, half = dimensions / 2, rows = (int)x.shape[1];
        int[] axisOf = [.. config.Rotary.Sections.DefaultIfEmpty(half).SelectMany((size, axis) => Enumerable.Repeat(axis, size))];
        double[] angles = new double[rows * half];
        for (int row = 0; row < rows; row++)
        {
            for (int j = 0; j < half; j++)
            {
                int position = _positions is { } given ? given[axisOf[j]][row] : row;
                angles[(row * half) + j] = position / Math.Pow(config.Rotary.Theta, 2.0 * j / dimensions);
            }
        }

        Tensor angle = tensor(angles, [rows, half]).to_type(ScalarType.Float32);
        Tensor cos = angle.cos(), sin = angle.sin(), a = x.narrow(-1, 0, half), b = x.narrow(-1, half, half);
        return cat([(a * cos) - (b * sin), (b * cos) + (a * sin), x.narrow(-1, dimensions, x.shape[2] - dimensions)], -1);
    }

    private Tensor Mask(int layer, int rows, Func<int, int, int, bool>? visible)
    {
        int window = config.WindowOf(layer);
        bool[] mask = new bool[rows * rows];
        for (int row = 0; row < rows; row++)
        {
            for (int key = 0; key <= row; key++)
            {
                mask[(row * rows) + key] = key == row || ((window == 0 || key > row - window) && (visible is null || visible(layer, row, key)));
            }
        }

        return tensor(mask, [rows, rows]);
    }
}
