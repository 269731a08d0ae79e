using Aperture.Models;
using Aperture.Sequences;
using Aperture.Text;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.FlashSloth.Family;

/// <summary>
/// FlashSloth's sequence: picture and learned queries where their placeholders stand. The span before queries is the question that they read: the text from
/// one row behind the picture on, or from behind the user's role in a later turn. Without any picture the queries' placeholder is a word like others, as in the
/// official code, which looks for placeholders only where there are pictures.
/// </summary>
/// <param name="queryToken">The id that stands for the queries.</param>
/// <param name="endToken">The id that ends an answer.</param>
/// <param name="baseToken">The id whose embedding is added to the queries; -1 for none.</param>
internal sealed class FlashSlothPacker(int queryToken, int endToken, int baseToken) : IPacker
{
    private const int BehindEnd = 3; // the end token, the user's role and its colon

    /// <inheritdoc/>
    public int ImageToken => ImagePrompts.ImageId;

    /// <inheritdoc/>
    public bool StandsForRows(int id) => id == ImageToken || id == queryToken;

    /// <inheritdoc/>
    public PackedPrompt Pack(PackInput input)
    {
        int pictures = input.Ids.Count(id => id == ImageToken);
        if (pictures != input.Images.Count)
        {
            throw new ApertureException(
                $"The prompt has {pictures} image placeholder(s) but {input.Images.Count} image(s) were given; give one image for each.");
        }

        bool queries = input.Images.Count > 0 || input.Training;
        using DisposeScope scope = NewDisposeScope();
        int[] words = [.. input.Ids.Where(id => id != ImageToken && (id != queryToken || !queries))];
        Tensor? embedded = words.Length > 0 ? input.Embed(words) : null; // [words, H]
        Tensor? asking = queries && input.Ids.Contains(queryToken) ? Queries(input) : null; // [Q, H]
        List<Tensor> parts = [];
        List<Span> spans = [];
        int used = 0, image = 0, begin = 0;
        for (int i = 0; i < input.Ids.Count;)
        {
            if (input.Ids[i] == ImageToken)
            {
                VisualTokens tokens = input.Images[image];
                parts.Add(tokens.Rows);
                spans.AddRange(tokens.Segments.Select(segment => Span.Of(segment, image)));
                begin = ++i + 1;
                image++;
            }
            else if (queries && input.Ids[i] == queryToken)
            {
                parts.Add(asking!);
                spans.Add(new Span(SpanKind.LearnedQuery, (int)asking!.size(0)));
                begin = ++i;
            }
            else
            {
                int end = i;
                while (end < input.Ids.Count && input.Ids[end] != ImageToken && !(queries && input.Ids[end] == queryToken))
                {
                    begin = input.Ids[end] == endToken ? end + BehindEnd : begin;
                    end++;
                }

                parts.Add(embedded!.narrow(0, used, end - i));
                bool asked = end < input.Ids.Count && input.Ids[end] == queryToken;
                spans.AddRange(Text(end - i, asked ? Math.Clamp(begin - i, 0, end - i) : null, input.Images.Count > 0 && image == 0));
                used += end - i;
                i = end;
            }
        }

        Tensor rows = parts.Count == 1 ? parts[0].clone() : cat(parts, 0); // [rows, H], … -> [rows, H]
        return new PackedPrompt(rows.DetachFromDisposeScope(), SequenceLayout.Create(spans)) { SeenIds = [] };
    }

    // A question is a span of its own, be it empty; it runs together with its queries.
    private static IEnumerable<Span> Text(int length, int? question, bool isSystem)
    {
        SpanKind kind = isSystem ? SpanKind.System : SpanKind.Text;
        return question is not { } begin ? [new Span(kind, length)]
            : begin == 0 ? [new Span(SpanKind.Text, length) { WithNext = true }]
            : [new Span(kind, begin), new Span(SpanKind.Text, length - begin) { WithNext = true }];
    }

    private Tensor Queries(PackInput input)
    {
        Tensor rows = ((FlashSlothProjector)input.Projector!).Queries;
        return baseToken < 0 ? rows : rows.add(input.Embed([baseToken])); // [Q, H] + [1, H] -> [Q, H]
    }
}
