using System.Text.RegularExpressions;
using Aperture.Host;
using Aperture.Scripting;
using Spectre.Console;

namespace Aperture.Engine.Tests.Tables;

/// <summary>Tables exactly as they come out at 80, 120 and 200 columns, plain and in colour.</summary>
public sealed partial class TableViewTests
{
    [Fact]
    public void A_comparison_at_80_columns() => Assert.Equal(
        """
        What is in the top left?

                                                       FLOPs             per
        pipeline                 answer        tokens      %  prefill  token         KV
        ───────────────────────  ────────────  ──────  ─────  ───────  ─────  ─────────
        none                     a blue shirt   144.0  100.0    24.50   1.75  1012.5 KB

        random(Tokens=66)        a blue shirt    66.0   54.2    14.25   1.75   464.1 KB

        fitprune(Reduction=0.6,  a blue          66.0   56.7    27.50   1.75   464.1 KB
        ScaleToLayers=true)      shirt, and
                                 to its right
                                 a bag

        slower to the first token than none (28.12 ms): fitprune(Reduction=0.6,
        ScaleToLayers=true) 31.12
        tokens are means over layers
        tiny-llava, Float32 on cpu, 2 thread(s), Processor; times are medians in ms
        """,
        Plain(SampleTables.Of(SampleTables.Comparison), 80));

    [Fact]
    public void A_comparison_at_120_columns() => Assert.Equal(
        """
        What is in the top left?

        pipeline                             answer                               tokens  FLOPs %  prefill  per token         KV
        ───────────────────────────────────  ───────────────────────────────────  ──────  ───────  ───────  ─────────  ─────────
        none                                 a blue shirt                          144.0    100.0    24.50       1.75  1012.5 KB

        random(Tokens=66)                    a blue shirt                           66.0     54.2    14.25       1.75   464.1 KB

        fitprune(Reduction=0.6,              a blue shirt, and to its right a       66.0     56.7    27.50       1.75   464.1 KB
        ScaleToLayers=true)                  bag

        slower to the first token than none (28.12 ms): fitprune(Reduction=0.6, ScaleToLayers=true) 31.12
        tokens are means over layers
        tiny-llava, Float32 on cpu, 2 thread(s), Processor; times are medians in ms
        """,
        Plain(SampleTables.Of(SampleTables.Comparison), 120));

    [Fact]
    public void A_comparison_at_200_columns() => Assert.Equal(
        """
        What is in the top left?
        pipeline                                     answer                                tokens  FLOPs %  prefill  per token         KV
        ───────────────────────────────────────────  ────────────────────────────────────  ──────  ───────  ───────  ─────────  ─────────
        none                                         a blue shirt                           144.0    100.0    24.50       1.75  1012.5 KB
        random(Tokens=66)                            a blue shirt                            66.0     54.2    14.25       1.75   464.1 KB
        fitprune(Reduction=0.6, ScaleToLayers=true)  a blue shirt, and to its right a bag    66.0     56.7    27.50       1.75   464.1 KB
        slower to the first token than none (28.12 ms): fitprune(Reduction=0.6, ScaleToLayers=true) 31.12
        tokens are means over layers
        tiny-llava, Float32 on cpu, 2 thread(s), Processor; times are medians in ms
        """,
        Plain(SampleTables.Of(SampleTables.Comparison), 200));

    [Fact]
    public void Every_figure_at_200_columns() => Assert.Equal(
        """
        What is in the top left?

        pipeline                         answer                           tokens  by layer           FLOPs %  GFLOPs  FastV GFLOPs  vision  projector  prefill  method hooks  per token         KV  peak memory
        ───────────────────────────────  ───────────────────────────────  ──────  ─────────────────  ───────  ──────  ────────────  ──────  ─────────  ───────  ────────────  ─────────  ─────────  ───────────
        none                             a blue shirt                      144.0  144×6                100.0   2.400         2.160    3.12       0.50    24.50          0.00       1.75  1012.5 KB      11.8 MB

        random(Tokens=66)                a blue shirt                       66.0  66×6                  54.2   1.300         1.170    3.12       0.50    14.25          0.00       1.75   464.1 KB      11.8 MB

        fitprune(Reduction=0.6,          a blue shirt, and to its right     66.0  144 80×2 41 40 11     56.7   1.360         1.224    3.12       0.50    27.50          1.25       1.75   464.1 KB      11.8 MB
        ScaleToLayers=true)              a bag

        slower to the first token than none (28.12 ms): fitprune(Reduction=0.6, ScaleToLayers=true) 31.12
        tokens are means over layers, peak memory is what a question adds
        tiny-llava, Float32 on cpu, 2 thread(s), Processor; times are medians in ms
        """,
        Plain(SampleTables.Of(SampleTables.Comparison.Wide), 200));

    [Fact]
    public void Every_figure_at_80_columns_is_a_block_a_row() => Assert.Equal(
        """
        What is in the top left?

        pipeline      none
        answer        a blue shirt
        tokens        144.0
        by layer      144×6
        FLOPs %       100.0
        GFLOPs        2.400
        FastV GFLOPs  2.160
        vision        3.12
        projector     0.50
        prefill       24.50
        method hooks  0.00
        per token     1.75
        KV            1012.5 KB
        peak memory   11.8 MB

        pipeline      random(Tokens=66)
        answer        a blue shirt
        tokens        66.0
        by layer      66×6
        FLOPs %       54.2
        GFLOPs        1.300
        FastV GFLOPs  1.170
        vision        3.12
        projector     0.50
        prefill       14.25
        method hooks  0.00
        per token     1.75
        KV            464.1 KB
        peak memory   11.8 MB

        pipeline      fitprune(Reduction=0.6, ScaleToLayers=true)
        answer        a blue shirt, and to its right a bag
        tokens        66.0
        by layer      144 80×2 41 40 11
        FLOPs %       56.7
        GFLOPs        1.360
        FastV GFLOPs  1.224
        vision        3.12
        projector     0.50
        prefill       27.50
        method hooks  1.25
        per token     1.75
        KV            464.1 KB
        peak memory   11.8 MB

        slower to the first token than none (28.12 ms): fitprune(Reduction=0.6,
        ScaleToLayers=true) 31.12
        tokens are means over layers, peak memory is what a question adds
        tiny-llava, Float32 on cpu, 2 thread(s), Processor; times are medians in ms
        """,
        Plain(SampleTables.Of(SampleTables.Comparison.Wide), 80));

    [Fact]
    public void Plugins_at_80_columns() => Assert.Equal(
        """
        plugin     state  method or task  what it does
        ─────────  ─────  ──────────────  ──────────────────────────────────────────────
        fitprune   loads  fitprune        Prunes visual tokens after attention by a
                                          recipe that was fitted to attention's
                                          distribution.
        baselines  loads  random          Keeps random visual tokens.
                          pooling         Averages neighbouring visual tokens, as many
                                          as bring the decoder's cost down to what a
                                          method costs.
        """,
        Plain(SampleTables.Plugins, 80));

    [Fact]
    public void Plugins_at_200_columns() => Assert.Equal(
        """
        plugin     state  method or task  what it does
        ─────────  ─────  ──────────────  ─────────────────────────────────────────────────────────────────────────────────────────────────────
        fitprune   loads  fitprune        Prunes visual tokens after attention by a recipe that was fitted to attention's distribution.
        baselines  loads  random          Keeps random visual tokens.
                          pooling         Averages neighbouring visual tokens, as many as bring the decoder's cost down to what a method costs.
        """,
        Plain(SampleTables.Plugins, 200));

    [Fact]
    public void Heads_are_bold_and_lines_and_caption_grey_in_colour() => Assert.Equal(
        [
            "title",
            "\e[1mname       count\e[0m",
            "\e[90m─────────  ─────\e[0m",
            "[red]a[/]      1",
            "\e[90mcaption\e[0m",
            "",
        ],
        Shown(new DisplayTable(["name", "count"], [["[red]a[/]", "1"]]) { Title = "title", Caption = "caption" }, 80, ColorSystemSupport.Standard)
            .Split('\n'));

    /// <summary>Whatever the width, colour changes nothing of the text, and without colours there is no escape sequence.</summary>
    [Theory]
    [InlineData(40)]
    [InlineData(80)]
    [InlineData(120)]
    [InlineData(200)]
    public void Colour_leaves_the_text_as_it_is(int width)
    {
        foreach (DisplayTable table in new[] { SampleTables.Of(SampleTables.Comparison), SampleTables.Of(SampleTables.Comparison.Wide), SampleTables.Plugins })
        {
            string plain = Plain(table, width);
            string coloured = Shown(table, width, ColorSystemSupport.TrueColor);
            Assert.Contains("\e[1m", coloured, StringComparison.Ordinal);
            Assert.Equal(plain, Sequence().Replace(coloured, "").TrimEnd('\n'));
            Assert.Equal(plain, Shown(table, width, ColorSystemSupport.NoColors).TrimEnd('\n'));
            Assert.Equal(table.ToString(width), plain);
        }
    }

    [Theory]
    [InlineData(true, null, null)]
    [InlineData(true, "100", 100)]
    [InlineData(false, null, 120)]
    [InlineData(false, "72", 72)]
    [InlineData(false, "0", 120)]
    [InlineData(false, "wide", 120)]
    [InlineData(true, "-1", null)]
    public void The_width_is_what_COLUMNS_says_else_the_terminal_s_else_one_that_reads_well(bool isTerminal, string? columns, int? width)
        => Assert.Equal(width, Terminal.FixedWidth(isTerminal, columns));

    [Theory]
    [InlineData(80)]
    [InlineData(200)]
    public void A_profile_at_80_and_at_200_columns(int width)
    {
        string[] lines = Plain(SampleTables.Of(SampleTables.Profile), width).Split('\n');

        Assert.Equal(
            """
            What is in the top left?
            token  stage              calls      ms    share  rate
            ─────  ─────────────────  ─────  ──────  ───────  ─────────────
            first  picture encoder        1  10.000   25.0 %  100.0 GFLOP/s
                   query, key, value      6   5.000   12.5 %  100.0 GFLOP/s
                   attention              6   2.500    6.3 %
                   output matrix          1  15.000   37.5 %  33.3 GFLOP/s
                   between stages             7.500   18.8 %
                   all                       40.000  100.0 %
            later  query, key, value      6   0.250   12.5 %  12.0 GB/s
                   sampling               1   0.750   37.5 %
                   between stages             1.000   50.0 %
                   all                        2.000  100.0 %
            """,
            string.Join('\n', lines[..13]));
        string caption = string.Join(' ', lines[13..]);
        Assert.StartsWith("first: the prompt of 196 rows; ", caption, StringComparison.Ordinal);
        Assert.Contains(
            "the decoder's products: 50.0 % of the first token at 50.0 GFLOP/s, 12.5 % of a later one at 12.0 GB/s", caption, StringComparison.Ordinal);
        Assert.EndsWith("KV 1.5 KB at the end of the answer tiny-llava, none, Float32 on cpu, 2 thread(s), Processor", caption, StringComparison.Ordinal);
        Assert.All(lines, line => Assert.True(line.Length <= width, line));
    }

    private static string Plain(DisplayTable table, int width) => Shown(table, width, null).TrimEnd('\n');

    // As a terminal of a width and its colours, or (null) a file or TERM=dumb, gets it.
    private static string Shown(DisplayTable table, int width, ColorSystemSupport? colours)
    {
        using StringWriter text = new();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(text),
            Ansi = colours is null ? AnsiSupport.No : AnsiSupport.Yes,
            ColorSystem = colours ?? ColorSystemSupport.NoColors,
        });
        console.Profile.Width = width;
        console.Write(new TableView(table));
        return text.ToString();
    }

    [GeneratedRegex("\e\\[[0-9;]*m")]
    private static partial Regex Sequence();
}
