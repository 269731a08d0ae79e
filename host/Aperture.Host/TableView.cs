using Aperture.Scripting;
using Aperture.Tables;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Aperture.Host;

/// <summary>A table on a terminal: laid out for its width, in colour where it has colours and NO_COLOR is not set.</summary>
/// <param name="table">The table.</param>
internal sealed class TableView(DisplayTable table) : Renderable
{
    private static readonly Style _head = new(decoration: Decoration.Bold), _dim = new(Color.Grey);

    protected override Measurement Measure(RenderOptions options, int maxWidth) => new(Math.Min(1, maxWidth), maxWidth);

    protected override IEnumerable<Segment> Render(RenderOptions options, int maxWidth)
    {
        bool isPlain = !options.Ansi || options.ColorSystem == ColorSystem.NoColors;
        foreach (TableLine line in table.Lines(maxWidth))
        {
            foreach (TableSpan span in line.Spans)
            {
                yield return new Segment(span.Text, isPlain ? Style.Plain : StyleOf(span.Role));
            }

            yield return Segment.LineBreak;
        }
    }

    private static Style StyleOf(TableRole role) => role switch
    {
        TableRole.Head => _head,
        TableRole.Rule or TableRole.Caption => _dim,
        _ => Style.Plain,
    };
}
