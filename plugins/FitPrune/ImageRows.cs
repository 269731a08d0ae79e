using Aperture.Measuring;
using Aperture.Sequences;

namespace Aperture.Plugins.FitPrune;

/// <summary>The visual rows of a sequence and the text rows behind its first visual row, found in one pass.</summary>
internal sealed class ImageRows
{
    private readonly int _rows;

    private ImageRows(int rows, int[] visual, int[] text)
    {
        _rows = rows;
        Visual = visual;
        Text = text;
    }

    /// <summary>Rows of images and row separators, ascending.</summary>
    public int[] Visual { get; }

    /// <summary>
    /// Rows behind the first visual row that are neither visual nor padding, ascending. Attention is causal, so each image gets only from those behind it.
    /// </summary>
    public int[] Text { get; }

    public static ImageRows Of(SequenceLayout layout)
    {
        List<int> visual = new(layout.Count);
        List<int> text = new(64);
        for (int row = 0; row < layout.Count; row++)
        {
            switch (layout.KindOf(row))
            {
                case SpanKind.Image or SpanKind.ImageSeparator:
                    visual.Add(row);
                    break;
                case SpanKind.Pad:
                    break;
                default:
                    if (visual.Count > 0)
                    {
                        text.Add(row);
                    }

                    break;
            }
        }

        return new ImageRows(layout.Count, [.. visual], [.. text]);
    }

    /// <summary>All rows but some visual ones, ascending.</summary>
    /// <param name="deleted">Indices into <see cref="Visual"/>, in any order.</param>
    public int[] Without(ReadOnlySpan<int> deleted)
    {
        bool[] gone = new bool[_rows];
        foreach (int index in deleted)
        {
            gone[Visual[index]] = true;
        }

        int[] kept = new int[_rows - deleted.Length];
        int next = 0;
        for (int row = 0; row < _rows; row++)
        {
            if (!gone[row])
            {
                kept[next++] = row;
            }
        }

        return kept;
    }
}
