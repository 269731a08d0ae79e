using Aperture.Images;

namespace Aperture.Scripting.Tests.Sessions;

/// <summary>Plots that a script draws have text, though the drawing library sees no fonts of the system.</summary>
public class PlotTextTests
{
    private const int Band = 40; // Rows at the top that hold the title.

    [Theory]
    [InlineData("")]
    [InlineData("plot.Axes.Title.Label.FontName = \"a family that no machine has\";")]
    [InlineData("plot.Axes.Title.Label.FontName = ScottPlot.Fonts.Monospace;")]
    public async Task A_title_is_drawn_letter_by_letter(string more)
    {
        using ScriptFixture f = new();

        Image plain = await Drawn(f, "plot.Title(\"            \");" + more), first = await Drawn(f, "plot.Title(\"Where it sees\");" + more),
            second = await Drawn(f, "plot.Title(\"What it costs\");" + more);

        // Letters, not boxes: as many of them in one title as in the other, but others.
        Assert.InRange(Differing(plain, first), 200, 10_000);
        Assert.InRange(Differing(plain, second), 200, 10_000);
        Assert.InRange(Differing(first, second), 200, 10_000);
    }

    [Fact]
    public async Task Numbers_stand_at_the_axes()
    {
        using ScriptFixture f = new();

        Image shown = await Drawn(f, ""), bare = await Drawn(f, "plot.Axes.Bottom.TickLabelStyle.IsVisible = false;");

        Assert.InRange(Differing(shown, bare, from: bare.Height - Band, to: bare.Height), 100, 10_000);
    }

    // As the REPL, a script and a notebook show it: in the form that the session's formatter gives it.
    private static async Task<Image> Drawn(ScriptFixture f, string draw)
        => f.Globals.Formatter.Format(
            await f.Value($"var plot = new ScottPlot.Plot(); plot.Add.Signal(new double[] {{ 1, 3, 2 }}); {draw} plot")).Picture!;

    private static int Differing(Image a, Image b, int from = 0, int to = Band)
        => Enumerable.Range(from * a.Width, (to - from) * a.Width).Count(
            pixel => !a.Pixels.Slice(pixel * a.Channels, a.Channels).SequenceEqual(b.Pixels.Slice(pixel * b.Channels, b.Channels)));
}
