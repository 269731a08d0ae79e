using Aperture.Decoding;
using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Engine;

/// <summary>
/// One sequence as it enters the decoder: embedding rows and layout. Owns the rows.
/// </summary>
/// <param name="Rows">Rows <c>[rows, d]</c>.</param>
/// <param name="Layout">What the rows stand for.</param>
public sealed record LlavaSequence(Tensor Rows, SequenceLayout Layout) : IDisposable
{
    /// <summary>Splices images into a tokenised prompt.</summary>
    /// <param name="decoder">Gives the embedding rows of text.</param>
    /// <param name="ids">Token ids; each image stands as one placeholder, or, in the Hugging Face layout, as a run of as many as it has visual tokens.</param>
    /// <param name="imageToken">The placeholder.</param>
    /// <param name="tokensPerImage">How many placeholders stand for one image: 1, or the number of visual tokens before any reduction.</param>
    /// <param name="images">Projected tokens of the images, in order; borrowed.</param>
    /// <param name="maxRows">The sequence is cut to this many rows on the right; null for no limit.</param>
    /// <returns>The sequence; the caller disposes it.</returns>
    /// <exception cref="ApertureException">The prompt asks for another number of images than there are.</exception>
    public static LlavaSequence Assemble(Decoder decoder, IReadOnlyList<int> ids, int imageToken, int tokensPerImage, IReadOnlyList<VisualTokens> images, int? maxRows = null)
    {
        int placeholders = ids.Count(id => id == imageToken);
        if (placeholders != images.Count * tokensPerImage)
        {
            throw new ApertureException(tokensPerImage == 1
                ? $"The prompt has {placeholders} image placeholder(s) but {images.Count} image(s) were given; give one image for each."
                : $"The prompt has {placeholders} image tokens but {images.Count} image(s) with {tokensPerImage} tokens each were given; their numbers must agree.");
        }

        using DisposeScope scope = NewDisposeScope();
        int[] text = [.. ids.Where(id => id != imageToken)];
        Tensor? embedded = text.Length > 0 ? decoder.Embed(text) : null;
        List<Tensor> parts = [];
        List<Span> spans = [];
        int used = 0, image = 0;
        for (int i = 0; i < ids.Count;)
        {
            if (ids[i] == imageToken)
            {
                VisualTokens tokens = images[image];
                parts.Add(tokens.Rows);
                spans.Add(new Span(SpanKind.Image, tokens.Places.Length) { Image = image++, Grid = tokens.Grid, Places = tokens.Places, Sources = tokens.Sources });
                i += tokensPerImage;
                continue;
            }

            int end = i;
            while (end < ids.Count && ids[end] != imageToken)
            {
                end++;
            }

            parts.Add(embedded!.narrow(0, used, end - i));
            spans.Add(new Span(image == 0 && images.Count > 0 ? SpanKind.System : SpanKind.Text, end - i));
            used += end - i;
            i = end;
        }

        Tensor rows = parts.Count == 1 ? parts[0].clone() : cat(parts, 0);
        SequenceLayout layout = SequenceLayout.Create(spans);
        if (maxRows is { } limit && layout.Count > limit)
        {
            rows = rows.narrow(0, 0, limit).clone();
            layout = layout.Keep([.. Enumerable.Range(0, limit)]);
        }

        return new LlavaSequence(rows.DetachFromDisposeScope(), layout);
    }

    /// <summary>Disposes the rows.</summary>
    public void Dispose() => Rows.Dispose();
}
