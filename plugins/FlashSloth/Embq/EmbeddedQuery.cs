using Aperture.Decoding;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.FlashSloth.Embq;

/// <summary>
/// The embedded query block (FlashSloth, section 3.3): queries attend to the question and, with what they found, to the raw patches of the picture; the result
/// is added to the queries. Scores and softmax are float32. Owns its weights.
/// </summary>
/// <param name="weights">The weights; owned.</param>
/// <param name="heads">Attention heads: those of the decoder.</param>
/// <param name="fuseValues">
/// Whether patches are averaged before the value matrix and not after: the same up to rounding, with 9 rows through that matrix for each head instead of all
/// patches.
/// </param>
internal sealed class EmbeddedQuery(EmbqWeights weights, int heads, bool fuseValues = false) : INamedWeights
{
    private const double Epsilon = 1e-5;
    private const double Shown = 1, Hidden = -10000; // what the official code adds to scores of words and of padding

    /// <summary>The weights.</summary>
    public EmbqWeights Weights => weights;

    /// <inheritdoc/>
    public IEnumerable<(string Name, Tensor Tensor)> Named => weights.Named;

    /// <summary>Checks that heads divide the widths.</summary>
    /// <exception cref="ApertureException">They do not.</exception>
    public EmbeddedQuery Checked()
        => weights.Width % heads == 0 && weights.ImageWidth % heads == 0
            ? this
            : throw new ApertureException(
                $"The embedded queries are {weights.Width} and {weights.ImageWidth} wide, which the decoder's {heads} heads do not divide; these weights are "
                + "of another model.");

    /// <summary>What of a picture is the same for all questions.</summary>
    /// <param name="patches">Raw patches <c>[N, C]</c>; borrowed.</param>
    /// <returns>Keys <c>[heads, N, d/heads]</c> and values <c>[heads, N, C/heads]</c>, or the patches where values are fused; the caller disposes it.</returns>
    public EmbqImage See(Tensor patches)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor down = weights.ImageDown.Apply(patches); // [N, C] -> [N, d]
        return SeeDown(down, patches).MoveToOuterDisposeScope();
    }

    /// <summary>As <see cref="See"/>, from patches that are at the block's width already.</summary>
    public EmbqImage SeeDown(Tensor down, Tensor patches)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor keys = ByHead(weights.ImageKey.Apply(weights.ImageNorm.Run(down, Epsilon))); // [N, d] -> [heads, N, d/heads]
        Tensor values = fuseValues ? patches.alias() : ByHead(weights.ImageValue.Apply(patches)); // [N, C] -> [heads, N, C/heads]
        return new EmbqImage(keys, values).MoveToOuterDisposeScope();
    }

    /// <summary>Updates the queries of the questions about one picture.</summary>
    /// <param name="queries">Rows at the queries <c>[R, Q, H]</c>; borrowed.</param>
    /// <param name="text">Rows of the questions, zero where padded, <c>[R, T, H]</c>; borrowed.</param>
    /// <param name="mask">1 at words and 0 at padding, float32 <c>[R, T]</c>; null attends to all.</param>
    /// <param name="image">The picture.</param>
    /// <returns>New rows and what was seen on the way; the caller disposes it.</returns>
    public EmbqResult Run(Tensor queries, Tensor text, Tensor? mask, EmbqImage image)
    {
        using DisposeScope scope = NewDisposeScope();
        EmbqLayer layer = RunDown(weights.TextDown.Apply(queries), weights.TextDown.Apply(text), mask, image); // [R, …, H] -> [R, …, d]
        Tensor rows = queries.add(weights.Up.Apply(layer.Image)); // [R, Q, C] -> [R, Q, H]
        return new EmbqResult(rows.MoveToOuterDisposeScope(), layer.MoveToOuterDisposeScope());
    }

    /// <summary>The block between its projections down and up.</summary>
    /// <param name="queries"><c>[R, Q, d]</c>; borrowed.</param>
    /// <param name="text"><c>[R, T, d]</c>; borrowed.</param>
    /// <param name="mask">As in <see cref="Run"/>.</param>
    /// <param name="image">The picture.</param>
    public EmbqLayer RunDown(Tensor queries, Tensor text, Tensor? mask, EmbqImage image)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor words = weights.TextNorm.Run(text, Epsilon);
        Tensor asking = ByHead(weights.TextQuery.Apply(weights.QueryNorm.Run(queries, Epsilon))); // [R, Q, d] -> [R, heads, Q, d/heads]
        Tensor keys = ByHead(weights.TextKey.Apply(words)), values = ByHead(weights.TextValue.Apply(words)); // [R, T, d] -> [R, heads, T, d/heads]
        Tensor textMap = Attend(asking, keys, mask is null ? null : mask.mul(Shown - Hidden).add(Hidden).view(mask.size(0), 1, 1, -1)); // [R, heads, Q, T]
        Tensor found = Joined(textMap.to(values.dtype).matmul(values)); // [R, heads, Q, d/heads] -> [R, Q, d]
        Tensor looking = ByHead(weights.ImageQuery.Apply(found)); // [R, Q, d] -> [R, heads, Q, d/heads]
        Tensor imageMap = Attend(looking, image.Keys, null); // [R, heads, Q, N]
        Tensor seen = fuseValues ? Fused(imageMap.to(image.Values.dtype), image.Values) : Joined(imageMap.to(image.Values.dtype).matmul(image.Values));
        return new EmbqLayer(textMap, found, imageMap, seen).MoveToOuterDisposeScope(); // seen: [R, Q, C]
    }

    /// <summary>Attention probabilities, float32.</summary>
    /// <param name="queries"><c>[…, Q, d]</c>; borrowed.</param>
    /// <param name="keys"><c>[…, K, d]</c>; borrowed.</param>
    /// <param name="added">Added to the scores; null for nothing.</param>
    /// <returns><c>[…, Q, K]</c>; the caller disposes it.</returns>
    public static Tensor Attend(Tensor queries, Tensor keys, Tensor? added)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor scores = queries.to(ScalarType.Float32).matmul(keys.to(ScalarType.Float32).transpose(-2, -1)).div(Math.Sqrt(queries.size(-1)));
        return F.softmax(added is null ? scores : scores.add(added), -1).MoveToOuterDisposeScope();
    }

    /// <summary>Multiply-accumulates on a picture's side: <c>N (C d + d² + C²)</c>, without the last where values are fused.</summary>
    public long ImageMacs(int patches)
        => patches * (weights.ImageDown.RowMacs + weights.ImageKey.RowMacs + (fuseValues ? 0 : weights.ImageValue.RowMacs));

    /// <summary>
    /// Multiply-accumulates of one question: <c>(T + Q) H d + d² (Q + 2 T) + 2 Q T d + Q d² + Q N d + Q N C + Q C H</c>; where values are fused,
    /// <c>heads Q N C + Q C²</c> stand for <c>Q N C</c>.
    /// </summary>
    public long QuestionMacs(int queries, int words, int patches)
    {
        long q = queries, t = words, n = patches, d = weights.Width, c = weights.ImageWidth;
        long values = fuseValues ? (heads * q * n * c) + (q * c * c) : q * n * c;
        return ((t + q) * weights.TextDown.RowMacs) + (d * d * (q + (2 * t))) + (2 * q * t * d) + (q * d * d) + (q * n * d) + values + (q * weights.Up.RowMacs);
    }

    public void Dispose() => weights.Dispose();

    // [R, heads, Q, N] x [N, C] -> [R, heads, Q, C], each head's through its rows of the value matrix -> [R, Q, C]
    private Tensor Fused(Tensor map, Tensor patches)
    {
        Tensor means = map.matmul(patches); // [R, heads, Q, C]
        Tensor matrix = weights.ImageValue.Dense().view(heads, -1, weights.ImageWidth); // [C, C] -> [heads, C/heads, C]
        return Joined(means.matmul(matrix.transpose(1, 2))).add(weights.ImageValue.Bias!); // [R, heads, Q, C/heads] -> [R, Q, C]
    }

    // […, rows, width] -> […, heads, rows, width/heads]
    private Tensor ByHead(Tensor rows) => rows.view([.. rows.shape[..^1], heads, rows.size(-1) / heads]).transpose(-3, -2);

    // [R, heads, Q, width/heads] -> [R, Q, width]
    private static Tensor Joined(Tensor rows) => rows.transpose(1, 2).flatten(2);
}

/// <summary>A picture as embedded queries look at it. Owns its tensors.</summary>
/// <param name="Keys"><c>[heads, N, d/heads]</c>.</param>
/// <param name="Values"><c>[heads, N, C/heads]</c>, or raw patches <c>[N, C]</c> where values are fused.</param>
internal sealed record EmbqImage(Tensor Keys, Tensor Values) : IDisposable
{
    public EmbqImage MoveToOuterDisposeScope()
    {
        Keys.MoveToOuterDisposeScope();
        Values.MoveToOuterDisposeScope();
        return this;
    }

    public void Dispose()
    {
        Keys.Dispose();
        Values.Dispose();
    }
}

/// <summary>What the block between its projections gives. Owns its tensors.</summary>
/// <param name="TextMap">Attention to words, float32 <c>[R, heads, Q, T]</c>.</param>
/// <param name="Text">What they gave, <c>[R, Q, d]</c>.</param>
/// <param name="ImageMap">Attention to patches, float32 <c>[R, heads, Q, N]</c>.</param>
/// <param name="Image">What they gave, <c>[R, Q, C]</c>.</param>
internal sealed record EmbqLayer(Tensor TextMap, Tensor Text, Tensor ImageMap, Tensor Image) : IDisposable
{
    public EmbqLayer MoveToOuterDisposeScope()
    {
        foreach (Tensor tensor in new[] { TextMap, Text, ImageMap, Image })
        {
            tensor.MoveToOuterDisposeScope();
        }

        return this;
    }

    public void Dispose()
    {
        TextMap.Dispose();
        Text.Dispose();
        ImageMap.Dispose();
        Image.Dispose();
    }
}

/// <summary>Updated queries. Owns its tensors.</summary>
/// <param name="Rows"><c>[R, Q, H]</c>.</param>
/// <param name="Layer">What was computed on the way.</param>
internal sealed record EmbqResult(Tensor Rows, EmbqLayer Layer) : IDisposable
{
    public void Dispose()
    {
        Rows.Dispose();
        Layer.Dispose();
    }
}
