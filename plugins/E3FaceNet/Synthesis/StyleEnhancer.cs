using Aperture.Decoding;
using Aperture.Plugins.E3FaceNet.Layers;
using Aperture.Plugins.E3FaceNet.Model;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.E3FaceNet.Synthesis;

/// <summary>
/// The style code enhancer before a block: a map's pixels attend to a sentence's tokens, and what they find becomes an offset of the block's styles. Always in
/// float32. Borrows its tensors.
/// </summary>
internal sealed class StyleEnhancer
{
    // Bounds the logits of a slice of pixels, in elements.
    private const long SliceElements = 1L << 22;
    private const double NormEpsilon = 1e-5;

    private readonly int _heads;
    private readonly Tensor _gain, _shift, _query, _key, _value, _out, _outBias, _reduce, _reduceBias;
    private readonly EqualLinear _mapping;

    public StyleEnhancer(WeightLoader loader, string name, int channels, int side, FaceConfig config)
    {
        int width = config.AttentionWidth;
        _heads = config.Settings.Heads;
        _gain = loader.Tensor(name + "_attn.norm1.weight", channels, side, side);
        _shift = loader.Tensor(name + "_attn.norm1.bias", channels, side, side);
        _query = loader.Tensor(name + "_attn.attn.to_q.weight", width, channels);
        _key = loader.Tensor(name + "_attn.attn.to_k.weight", width, config.Token);
        _value = loader.Tensor(name + "_attn.attn.to_v.weight", width, config.Token);
        _out = loader.Tensor(name + "_attn.attn.to_out.0.weight", channels, width);
        _outBias = loader.Tensor(name + "_attn.attn.to_out.0.bias", channels);
        _reduce = loader.Tensor(name + "_offset.conv.weight", 1, channels, 1, 1);
        _reduceBias = loader.Tensor(name + "_offset.conv.bias", 1);
        _mapping = new EqualLinear(
            loader.Tensor(name + "_offset.mapping.weight", config.Style, side * side), loader.Tensor(name + "_offset.mapping.bias", config.Style),
            activated: true);
    }

    /// <summary>Prepares a sentence.</summary>
    /// <param name="tokens">Its tokens' rows, padding among them, <c>[B, T, D]</c>; borrowed.</param>
    /// <param name="folded">Whether keys and values are multiplied into the matrices beside them.</param>
    /// <returns>The table; the caller disposes it.</returns>
    public TokenTable Prepare(Tensor tokens, bool folded)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor keys = F.linear(tokens, _key), values = F.linear(tokens, _value); // [B, T, A]
        if (!folded)
        {
            return new TokenTable { Keys = keys.MoveToOuterDisposeScope(), Values = values.MoveToOuterDisposeScope() };
        }

        long size = _query.size(0) / _heads, channels = _query.size(1);
        Tensor queries = _query.view(_heads, size, channels).transpose(1, 2); // [heads, C, A / heads]
        Tensor logits = queries.unsqueeze(0).matmul(Heads(keys).transpose(2, 3)).mul(Scale); // -> [B, heads, C, T]
        Tensor column = _reduce.flatten(1).matmul(_out).view(_heads, size, 1); // [1, C] x [C, A] -> [heads, A / heads, 1]
        Tensor worth = Heads(values).matmul(column); // -> [B, heads, T, 1]
        return new TokenTable
        {
            Logits = logits.transpose(1, 2).flatten(2).contiguous().MoveToOuterDisposeScope(), // -> [B, C, heads T]
            Worth = worth.flatten(1, 2).contiguous().MoveToOuterDisposeScope(), // -> [B, heads T, 1]
        };
    }

    /// <summary>The offset of the block's styles.</summary>
    /// <param name="x">The map before the block, <c>[B, C, H, W]</c>; borrowed.</param>
    /// <param name="block">The block's number in the tables.</param>
    /// <param name="prompt">The sentences; borrowed.</param>
    /// <returns><c>[B, 1, D]</c>; the caller disposes it.</returns>
    public Tensor Offset(Tensor x, int block, PromptMix prompt)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor map = x.to(ScalarType.Float32), normed = Normed(map);
        Tensor offset = Offset(map, normed, prompt.Main.Blocks[block]);
        if (prompt.Other is { } other)
        {
            offset = offset.mul(1 - prompt.OtherWeight).add(Offset(map, normed, other.Blocks[block]).mul(prompt.OtherWeight));
        }

        return offset.MoveToOuterDisposeScope();
    }

    /// <summary>The map normalised over channels and places together.</summary>
    public Tensor Normed(Tensor map) => F.layer_norm(map, _gain.shape, _gain, _shift, NormEpsilon);

    /// <summary>What the normalised map's pixels find in the tokens, <c>[B, C, H, W]</c>; the caller disposes it. Needs a table that is not folded.</summary>
    public Tensor Attended(Tensor normed, TokenTable table)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor rows = normed.flatten(2).transpose(1, 2); // [B, C, H, W] -> [B, H W, C]
        Tensor logits = Heads(F.linear(rows, _query)).matmul(Heads(table.Keys!).transpose(2, 3)).mul(Scale); // -> [B, heads, H W, T]
        Tensor found = logits.softmax(-1).matmul(Heads(table.Values!)).transpose(1, 2).flatten(2); // -> [B, H W, A]
        return F.linear(found, _out, _outBias).transpose(1, 2).reshape(normed.shape).MoveToOuterDisposeScope(); // -> [B, C, H, W]
    }

    /// <summary>The offset that a map with what was found added to it stands for, <c>[B, 1, D]</c>; the caller disposes it.</summary>
    public Tensor OffsetOf(Tensor fused)
    {
        using DisposeScope scope = NewDisposeScope();
        return _mapping.Run(Reduced(fused)).unsqueeze(1).MoveToOuterDisposeScope();
    }

    private double Scale => 1 / Math.Sqrt((double)_query.size(0) / _heads);

    private Tensor Offset(Tensor map, Tensor normed, TokenTable table)
        => table.Logits is null ? OffsetOf(map.add(Attended(normed, table))) : _mapping.Run(Reduced(map).add(Folded(normed, table))).unsqueeze(1);

    // One number a pixel, [B, C, H, W] -> [B, H W].
    private Tensor Reduced(Tensor map)
        => _reduce.flatten(1).unsqueeze(0).expand(map.size(0), -1, -1).baddbmm(map.flatten(2), _reduceBias.view(1, 1, 1)).squeeze(1);

    // The same number of what the pixels find, slice by slice: [B, C, H, W] -> [B, H W].
    private Tensor Folded(Tensor normed, TokenTable table)
    {
        Tensor rows = normed.flatten(2).transpose(1, 2); // [B, C, H, W] -> [B, H W, C]
        long batch = rows.size(0), pixels = rows.size(1), width = table.Logits!.size(2), tokens = width / _heads;
        Tensor logits = table.Logits.expand(batch, -1, -1), worth = table.Worth!.expand(batch, -1, -1);
        long step = Math.Clamp(SliceElements / (batch * width), 1, pixels);
        List<Tensor> parts = [];
        for (long pixel = 0; pixel < pixels; pixel += step)
        {
            using DisposeScope slice = NewDisposeScope();
            long count = Math.Min(step, pixels - pixel);
            Tensor shares = bmm(rows.narrow(1, pixel, count), logits).view(batch, count, _heads, tokens).softmax(-1); // -> [B, n, heads, T]
            parts.Add(bmm(shares.flatten(2), worth).squeeze(-1).MoveToOuterDisposeScope()); // -> [B, n]
        }

        return cat(parts, 1).add(_reduce.flatten().dot(_outBias));
    }

    // [B, N, A] -> [B, heads, N, A / heads]
    private Tensor Heads(Tensor rows) => rows.unflatten(2, [_heads, _query.size(0) / _heads]).transpose(1, 2);
}
