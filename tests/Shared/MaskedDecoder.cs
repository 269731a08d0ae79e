using Aperture.Decoding;
using Aperture.Models;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Tests;

/// <summary>
/// The oracle for dropping rows: nothing is dropped, all rows run through all layers, and what was deleted in a layer is masked as a key behind that layer.
/// Written from the formulas, without the product's kernels.
/// </summary>
internal sealed class MaskedDecoder(SmallModel model)
{
    private readonly DecoderSpec _config = model.Config;

    /// <summary>All rows after the last layer.</summary>
    /// <param name="rows">Embedding rows <c>[rows, d]</c>.</param>
    /// <param name="alive">For each layer the rows that enter it.</param>
    public Tensor Run(Tensor rows, IReadOnlyList<HashSet<int>> alive)
    {
        using IDisposable grad = no_grad();
        using DisposeScope scope = NewDisposeScope();
        int count = (int)rows.shape[0];
        Tensor x = rows;
        for (int layer = 0; layer < _config.Layers; layer++)
        {
            DecoderLayerWeights weights = model.Decoder.Weights.Layers[layer];
            Tensor Weight(string name) => weights.Named("").Single(w => w.Name == name + ".weight").Tensor;
            float[,] mask = new float[count, count];
            for (int i = 0; i < count; i++)
            {
                for (int j = 0; j < count; j++)
                {
                    // A deleted row still runs here, on whatever is left: its own result is never looked at, but it must see something.
                    mask[i, j] = j <= i && (alive[layer].Contains(j) || j == i) ? 0 : float.NegativeInfinity;
                }
            }

            Tensor n = Norm(x, Weight("input_layernorm"));
            Tensor q = Rotate(Heads(F.linear(n, Weight("self_attn.q_proj")), _config.Heads));
            Tensor k = Rotate(Heads(F.linear(n, Weight("self_attn.k_proj")), _config.KeyValueHeads));
            Tensor v = Heads(F.linear(n, Weight("self_attn.v_proj")), _config.KeyValueHeads);
            int group = _config.Heads / _config.KeyValueHeads;
            Tensor logits = q.matmul(k.repeat_interleave(group, 0).transpose(1, 2)) / Math.Sqrt(_config.HeadSize);
            Tensor attention = (logits + tensor(mask)).softmax(-1).matmul(v.repeat_interleave(group, 0)); // [heads, rows, head]
            x = x + F.linear(attention.transpose(0, 1).reshape(count, -1), Weight("self_attn.o_proj"));
            Tensor n2 = Norm(x, Weight("post_attention_layernorm"));
            Tensor gate = F.linear(n2, Weight("mlp.gate_proj"));
            x = x + F.linear(gate * gate.sigmoid() * F.linear(n2, Weight("mlp.up_proj")), Weight("mlp.down_proj"));
        }

        return x.MoveToOuterDisposeScope();
    }

    private Tensor Norm(Tensor x, Tensor gain) => x * (x.square().mean([-1], keepdim: true) + _config.NormEpsilon).rsqrt() * gain;

    private Tensor Heads(Tensor x, int heads) => x.view(x.shape[0], heads, _config.HeadSize).transpose(0, 1); // [heads, rows, head]

    private Tensor Rotate(Tensor x)
    {
        int half = _config.HeadSize / 2;
        Tensor frequencies = tensor([.. Enumerable.Range(0, half).Select(i => (float)Math.Pow(_config.Rotary.Theta, -2.0 * i / _config.HeadSize))]);
        Tensor angles = arange(x.shape[1], dtype: ScalarType.Float32).unsqueeze(1) * frequencies; // [rows, head / 2]
        Tensor both = cat([angles, angles], -1);
        Tensor turned = cat([-x.narrow(-1, half, half), x.narrow(-1, 0, half)], -1);
        return (x * both.cos()) + (turned * both.sin());
    }
}
