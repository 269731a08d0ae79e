using Aperture.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Host.Tests.Decoding;

/// <summary>
/// The decoder in its plainest form, for one sequence: full attention matrices, keys and values copied for grouped heads, one mask a layer. The oracle for everything that is fused, packed, cached or dropped.
/// </summary>
internal sealed class ReferenceDecoder(DecoderConfig config, NoiseWeights weights)
{
    /// <summary>Logits of all rows.</summary>
    /// <param name="ids">Ids of the sequence.</param>
    /// <param name="visible">Whether in a layer a row sees a key; only asked for keys at or before the row.</param>
    public Tensor Logits(int[] ids, Func<int, int, int, bool>? visible = null)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = weights["model.embed_tokens.weight"].index_select(0, tensor(ids, dtype: ScalarType.Int64));
        for (int layer = 0; layer < config.Layers; layer++)
        {
            Tensor mask = Mask(layer, ids.Length, visible);
            x = x + Attention($"model.layers.{layer}.self_attn.", Norm(x, $"model.layers.{layer}.input_layernorm.weight"), mask);
            x = x + FeedForward($"model.layers.{layer}.mlp.", Norm(x, $"model.layers.{layer}.post_attention_layernorm.weight"));
        }

        return Norm(x, "model.norm.weight").matmul(weights["lm_head.weight"].t()).MoveToOuterDisposeScope();
    }

    public Tensor Norm(Tensor x, string gain) => x * (x.pow(2).mean([-1], keepdim: true) + config.NormEpsilon).rsqrt() * weights[gain];

    public Tensor FeedForward(string prefix, Tensor n)
    {
        Tensor gate = Linear(n, prefix + "gate_proj");
        return Linear(gate * gate.sigmoid() * Linear(n, prefix + "up_proj"), prefix + "down_proj");
    }

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
        int half = config.HeadSize / 2, rows = (int)x.shape[1];
        double[] angles = new double[rows * half];
        for (int row = 0; row < rows; row++)
        {
            for (int j = 0; j < half; j++)
            {
                angles[(row * half) + j] = row / Math.Pow(config.Rotary.Theta, 2.0 * j / config.HeadSize);
            }
        }

        Tensor angle = tensor(angles, [rows, half]).to_type(ScalarType.Float32);
        Tensor cos = angle.cos(), sin = angle.sin(), a = x.narrow(-1, 0, half), b = x.narrow(-1, half, half);
        return cat([(a * cos) - (b * sin), (b * cos) + (a * sin)], -1);
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
