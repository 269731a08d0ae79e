using Aperture.Decoding;
using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>Attention of a map's places to each other with one head, beside a shortcut (diffusers' AttentionBlock). Borrows its tensors.</summary>
internal sealed class PixelAttention
{
    private readonly Ops _ops;
    private readonly GroupNorm _norm;
    private readonly Matrix _query, _key, _value, _output;

    public PixelAttention(DiffusionLoader loader, string name, int width, int groups, double epsilon)
    {
        _ops = loader.Ops;
        _norm = loader.GroupNorm(name + ".group_norm", width, groups, epsilon);
        _query = loader.Linear(name + ".to_q", width, width);
        _key = loader.Linear(name + ".to_k", width, width);
        _value = loader.Linear(name + ".to_v", width, width);
        _output = loader.Linear(name + ".to_out.0", width, width);
    }

    /// <summary>Attends: <c>[N, C, H, W]</c>, borrowed; the caller disposes the result.</summary>
    public Tensor Run(Tensor x)
    {
        using Tensor normed = _norm.Run(x);
        using Tensor rows = FeatureMap.Rows(normed); // [N, C, H, W] -> [N, H W, C]
        using Tensor q = Head(_query, rows), k = Head(_key, rows), v = Head(_value, rows);
        using Tensor attended = _ops.Attend(q, k, v); // [N, 1, H W, C]
        using Tensor merged = attended.squeeze(1); // -> [N, H W, C]
        using Tensor mapped = _output.Apply(merged);
        using Tensor map = FeatureMap.OfRows(mapped, x.size(2), x.size(3));
        return map.add(x);
    }

    // [N, H W, C] -> [N, 1, H W, C]
    private static Tensor Head(Matrix projection, Tensor rows)
    {
        using Tensor flat = projection.Apply(rows);
        return flat.unsqueeze(1);
    }
}
