using Aperture.Decoding;
using Aperture.Models;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Benchmarks;

/// <summary>
/// The yardstick of the prefill benchmark: a prompt through a decoder as a bare loop of libtorch operations on the same weights, without hooks, cache or
/// managed kernels.
/// </summary>
/// <param name="spec">A LLaMA.</param>
/// <param name="weights">Weights; borrowed.</param>
internal sealed class StraightLineDecoder(DecoderSpec spec, DecoderWeights weights)
{
    /// <summary>Runs a prompt.</summary>
    /// <param name="rows">Embedding rows <c>[rows, d]</c>; borrowed.</param>
    /// <returns>float32 logits of the last row <c>[1, V]</c>; the caller disposes them.</returns>
    public Tensor Run(Tensor rows)
    {
        int count = (int)rows.size(0), head = spec.HeadSize, group = spec.Heads / spec.KeyValueHeads;
        using RotaryTable table = new(spec.Rotary, rows.device);
        int[] positions = [.. Enumerable.Range(0, count)];
        using RotaryRows rotary = table.Rows(positions, count);
        using Tensor halfCos = rotary.Cos.to_type(rows.dtype), halfSin = rotary.Sin.to_type(rows.dtype);
        using Tensor cosRows = cat([halfCos, halfCos], -1), sinRows = cat([halfSin, halfSin], -1);
        using Tensor cos = cosRows.unsqueeze(1), sin = sinRows.unsqueeze(1); // [rows, 1, head]
        Tensor x = rows.clone();
        foreach (DecoderLayerWeights layer in weights.Layers)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor n = Norm(x, layer.InputNorm.Weight);
            Tensor q = Rotate(layer.Query.Apply(n).view(count, spec.Heads, head), cos, sin);
            Tensor k = Rotate(layer.Key.Apply(n).view(count, spec.KeyValueHeads, head), cos, sin);
            Tensor v = layer.Value.Apply(n).view(count, spec.KeyValueHeads, head);
            Tensor Shared(Tensor t) => t.transpose(0, 1).unsqueeze(1).expand(-1, group, -1, -1);
            Tensor queries = q.view(count, spec.KeyValueHeads, group, head).permute(1, 2, 0, 3);
            Tensor attended = F.scaled_dot_product_attention(queries, Shared(k), Shared(v), null, 0, is_casual: true);
            x.add_(layer.Output.Apply(attended.permute(2, 0, 1, 3).reshape(count, spec.Heads * head)));
            Tensor n2 = Norm(x, layer.PostAttentionNorm!.Weight);
            Tensor hidden = F.silu(layer.Gate!.Apply(n2)).mul_(layer.Up.Apply(n2));
            x.add_(layer.Down.Apply(hidden));
        }

        using (x)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor last = Norm(x.narrow(0, count - 1, 1), weights.Norm.Weight);
            return weights.Head.Apply(last).to_type(ScalarType.Float32).MoveToOuterDisposeScope();
        }
    }

    private Tensor Norm(Tensor x, Tensor gain)
    {
        Tensor wide = x.to_type(ScalarType.Float32);
        Tensor scale = wide.pow(2).mean([-1], keepdim: true).add_(spec.NormEpsilon).rsqrt_();
        return gain.mul(wide.mul(scale).to_type(x.dtype));
    }

    private static Tensor Rotate(Tensor x, Tensor cos, Tensor sin)
    {
        long half = x.size(-1) / 2;
        Tensor turned = cat([x.narrow(-1, half, half).neg(), x.narrow(-1, 0, half)], -1);
        return x.mul(cos).add_(turned.mul_(sin));
    }
}
