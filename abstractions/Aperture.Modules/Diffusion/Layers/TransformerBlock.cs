using Aperture.Decoding;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Diffusion;

/// <summary>
/// A transformer over the places of a map (diffusers' Transformer2DModel with one block): self-attention, attention to the text, gated feed-forward network.
/// Borrows its tensors.
/// </summary>
internal sealed class TransformerBlock
{
    private const double MapEpsilon = 1e-6, RowEpsilon = 1e-5;

    private readonly GroupNorm _norm;
    private readonly LayerNormWeights _norm1, _norm2, _norm3;
    private readonly Matrix _in, _out, _up, _down;
    private readonly Attention _self, _cross;

    /// <summary>Loads the block.</summary>
    /// <param name="loader">The checkpoint.</param>
    /// <param name="name">Published name, such as <c>down_blocks.0.attentions.0</c>.</param>
    /// <param name="width">Channels.</param>
    /// <param name="textWidth">Width of the text's rows.</param>
    /// <param name="heads">Heads.</param>
    /// <param name="groups">Groups of the norm before it.</param>
    public TransformerBlock(DiffusionLoader loader, string name, int width, int textWidth, int heads, int groups)
    {
        string block = name + ".transformer_blocks.0.";
        _norm = loader.GroupNorm(name + ".norm", width, groups, MapEpsilon);
        _in = loader.Linear(name + ".proj_in", width, width);
        _norm1 = loader.LayerNorm(block + "norm1", width);
        _self = new Attention(loader, block + "attn1", width, width, heads);
        _norm2 = loader.LayerNorm(block + "norm2", width);
        _cross = new Attention(loader, block + "attn2", width, textWidth, heads);
        _norm3 = loader.LayerNorm(block + "norm3", width);
        _up = loader.Linear(block + "ff.net.0.proj", 8 * width, width);
        _down = loader.Linear(block + "ff.net.2", width, 4 * width);
        _out = loader.Linear(name + ".proj_out", width, width);
    }

    /// <summary>Runs the block.</summary>
    /// <param name="x"><c>[N, C, H, W]</c>; borrowed.</param>
    /// <param name="text"><c>[N, K, D]</c>; borrowed.</param>
    /// <param name="capture">Who wants attention maps; null for nobody.</param>
    /// <param name="site">Which block of the network it is: the number of its first attention, and where it stands.</param>
    /// <returns><c>[N, C, H, W]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor x, Tensor text, AttentionCapture? capture, AttentionSite site)
    {
        using Tensor normed = _norm.Run(x);
        using Tensor places = FeatureMap.Rows(normed); // [N, C, H, W] -> [N, H W, C]
        int first = capture?.FirstSample ?? 0;
        using Tensor rows = _in.Apply(places);
        using Tensor looked = Added(rows, _norm1, r => _self.Run(r, r, capture?.For(site), first));
        using Tensor read = Added(looked, _norm2, r => _cross.Run(r, text, capture?.For(site.Cross), first));
        using Tensor thought = Added(read, _norm3, FeedForward);
        using Tensor mapped = _out.Apply(thought);
        using Tensor map = FeatureMap.OfRows(mapped, x.size(2), x.size(3)); // [N, H W, C] -> [N, C, H, W]
        return map.add(x);
    }

    // x + f(norm(x)); not in place, because the norm's gradient needs its input.
    private static Tensor Added(Tensor x, LayerNormWeights norm, Func<Tensor, Tensor> part)
    {
        using Tensor normed = norm.Run(x, RowEpsilon);
        using Tensor change = part(normed);
        return x.add(change);
    }

    // GEGLU: value * gelu(gate).
    private Tensor FeedForward(Tensor rows)
    {
        using Tensor both = _up.Apply(rows); // [N, T, C] -> [N, T, 8 C]
        long half = both.size(-1) / 2;
        using Tensor value = both.narrow(-1, 0, half), gate = both.narrow(-1, half, half);
        using Tensor opened = F.gelu(gate);
        using Tensor gated = opened.mul(value); // [N, T, 4 C]
        return _down.Apply(gated); // -> [N, T, C]
    }
}
