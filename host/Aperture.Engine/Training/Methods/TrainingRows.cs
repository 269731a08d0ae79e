using Aperture.Decoding;
using Aperture.Models;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>Packed prompts as training needs them: of one length where a family says so, with a label for every row.</summary>
internal static class TrainingRows
{
    /// <summary>Pads or cuts a sequence.</summary>
    /// <param name="prompt">The sequence; consumed.</param>
    /// <param name="rows">Rows it gets; 0 leaves it.</param>
    /// <param name="padId">The id whose embedding fills it up.</param>
    /// <param name="decoder">Gives the embedding.</param>
    /// <returns>The sequence; the caller disposes it.</returns>
    public static PackedPrompt Fitted(PackedPrompt prompt, int rows, int padId, Decoder decoder)
    {
        int count = prompt.Layout.Count;
        if (rows == 0 || rows == count)
        {
            return prompt;
        }

        using (prompt)
        {
            if (rows < count)
            {
                // [count, d] -> [rows, d]
                return prompt with { Rows = prompt.Rows.narrow(0, 0, rows), Layout = prompt.Layout.Keep([.. Enumerable.Range(0, rows)]) };
            }

            using Tensor padding = decoder.Embed([.. Enumerable.Repeat(padId, rows - count)]);
            SequenceLayout layout = SequenceLayout.Create(
                [.. prompt.Layout.OriginalSpans, new Span(SpanKind.Pad, rows - count)],
                [.. prompt.Layout.Positions, .. Enumerable.Range(prompt.Layout.Positions[^1] + 1, rows - count)]);
            return prompt with { Rows = cat([prompt.Rows, padding], 0), Layout = layout }; // [count, d] -> [rows, d]
        }
    }

    /// <summary>The label of every row: text rows carry those of their ids; pictures, private rows and padding have none.</summary>
    /// <param name="prompt">Token ids with labels.</param>
    /// <param name="layout">What the rows are.</param>
    /// <param name="packer">Knows which ids stand for rows of their own.</param>
    public static long[] LabelsOf(LabelledPrompt prompt, SequenceLayout layout, IPacker packer)
    {
        Queue<int> text = new(prompt.Ids.Zip(prompt.Labels).Where(pair => !packer.StandsForRows(pair.First)).Select(pair => pair.Second));
        long[] all =
        [
            .. layout.OriginalSpans.SelectMany(
                span => Enumerable.Range(0, span.Length).Select(_ => IsText(span) ? text.Dequeue() : (long)LabelledPrompt.Ignored)),
        ];
        return [.. layout.Original.ToArray().Select(row => all[row])];
    }

    private static bool IsText(Span span) => span.Kind is SpanKind.System or SpanKind.Text && !span.Private;
}
