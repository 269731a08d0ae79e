using Aperture.Measuring;
using Aperture.Sequences;
using Aperture.Text;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Models;

/// <summary>Puts each picture's tokens where its placeholder stands; text before the first picture is the system span. The packer of most families.</summary>
/// <param name="imageToken">The id that stands for a picture.</param>
public class PlaceholderPacker(int imageToken) : IPacker
{
    /// <inheritdoc/>
    public int ImageToken => imageToken;

    /// <summary>Placeholders that stand for one picture: 1, or as many as a picture has tokens, for prompts that were expanded before.</summary>
    public int PerImage { get; init; } = 1;

    /// <summary>Sequences are cut to this many rows on the right; null for no limit.</summary>
    public int? MaxRows { get; init; }

    /// <summary>Called with the rows of a sequence and the limit before it is cut: to tell of it, or to refuse it; null to cut without a word.</summary>
    public Action<int, int>? OnTooLong { get; init; }

    /// <summary>The ids that count as seen before the first new token, from the prompt's; null for the prompt's.</summary>
    public Func<IReadOnlyList<int>, IReadOnlyList<int>>? SeenIds { get; init; }

    /// <inheritdoc/>
    public virtual PackedPrompt Pack(PackInput input)
    {
        Check(input);
        using DisposeScope scope = NewDisposeScope();
        int[] text = [.. input.Ids.Where(id => id != ImageToken)];
        Tensor? embedded = text.Length > 0 ? input.Embed(text) : null;
        List<Tensor> parts = [];
        List<Span> spans = [];
        int used = 0, image = 0;
        for (int i = 0; i < input.Ids.Count;)
        {
            if (input.Ids[i] == ImageToken)
            {
                VisualTokens tokens = input.Images[image];
                parts.Add(tokens.Rows);
                spans.AddRange(tokens.Segments.Select(segment => Span.Of(segment, image)));
                image++;
                i += PerImage;
                continue;
            }

            int end = i;
            while (end < input.Ids.Count && input.Ids[end] != ImageToken)
            {
                end++;
            }

            parts.Add(embedded!.narrow(0, used, end - i));
            spans.Add(new Span(image == 0 && input.Images.Count > 0 ? SpanKind.System : SpanKind.Text, end - i));
            used += end - i;
            i = end;
        }

        Tensor rows = parts.Count == 1 ? parts[0].clone() : cat(parts, 0); // [text, d], [tokens, d], … -> [rows, d]
        SequenceLayout layout = SequenceLayout.Create(spans);
        if (MaxRows is { } limit && layout.Count > limit)
        {
            if (!input.Training)
            {
                OnTooLong?.Invoke(layout.Count, limit);
            }

            rows = rows.narrow(0, 0, limit).clone(); // [rows, d] -> [limit, d]
            layout = layout.Keep([.. Enumerable.Range(0, limit)]);
        }

        return new PackedPrompt(rows.DetachFromDisposeScope(), layout) { SeenIds = SeenIds is null ? input.Ids : SeenIds(input.Ids) };
    }

    private void Check(PackInput input)
    {
        int placeholders = input.Ids.Count(id => id == ImageToken), expected = input.Images.Count * PerImage;
        if (placeholders != expected)
        {
            throw new ApertureException(PerImage == 1
                ? $"The prompt has {placeholders} image placeholder(s) but {input.Images.Count} image(s) were given; give one image for each."
                : $"The prompt has {placeholders} image tokens but {input.Images.Count} image(s) with {PerImage} tokens each were given; their numbers must "
                    + "agree.");
        }
    }
}
