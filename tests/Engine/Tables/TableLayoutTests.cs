using Aperture.Tables;

namespace Aperture.Engine.Tests.Tables;

/// <summary>Where columns, broken lines and blocks begin, and that no word is ever broken.</summary>
public sealed class TableLayoutTests
{
    [Theory]
    [InlineData("abc", 3)]
    [InlineData("你好", 4)]
    [InlineData("カタカナ", 8)]
    [InlineData("한국어", 6)]
    [InlineData("e\u0301", 1)]
    [InlineData("×2 ± –", 6)]
    [InlineData("👕", 2)]
    [InlineData("", 0)]
    public void Widths_are_columns_of_a_terminal(string text, int columns) => Assert.Equal(columns, TextWidth.Of(text));

    [Fact]
    public void Columns_of_wide_characters_stand_below_each_other()
        => Assert.Equal(
            """
            name    what
            ──────  ─────
            外套    coat
            e       mark
            한국어  shirt
            """,
            Text(["name", "what"], [["外套", "coat"], ["e", "mark"], ["한국어", "shirt"]], 80));

    [Fact]
    public void Numbers_stand_at_the_right_and_text_at_the_left()
        => Assert.Equal(
            """
            name  count     size   share  when
            ────  ─────  ───────  ──────  ────
            a         7  12.0 KB  -1.5 %  3 am
            b        12    800 B   100 %  –
            c         –            0.5 %  4
            """,
            Text(
                ["name", "count", "size", "share", "when"],
                [["a", "7", "12.0 KB", "-1.5 %", "3 am"], ["b", "12", "800 B", "100 %", "–"], ["c", "–", "", "0.5 %", "4"]], 80));

    [Fact]
    public void The_widest_column_is_broken_first_and_between_words_only()
        => Assert.Equal(
            """
            id     score  note
            ─────  ─────  ──────────────────────────
            first    1.5  a note that needs more
                          than one line of this
                          table
            2nd     12.0  short
            """,
            Text(["id", "score", "note"], [["first", "1.5", "a note that needs more than one line of this table"], ["2nd", "12.0", "short"]], 40));

    [Fact]
    public void Rows_whose_first_cell_is_broken_stand_apart()
        => Assert.Equal(
            """
            pipeline                    tokens
            ──────────────────────────  ──────
            fitprune(Reduction=0.6,         64
            ScaleToLayers=true)

            none                           144
            """,
            Text(["pipeline", "tokens"], [["fitprune(Reduction=0.6, ScaleToLayers=true)", "64"], ["none", "144"]], 34));

    [Fact]
    public void Rows_become_blocks_where_words_do_not_fit()
        => Assert.Equal(
            """
            pipeline  fitprune(Reduction=0.6,
                      Seed=1)
            answer    a blue shirt and a
                      large bag
            tokens    64

            pipeline  none
            tokens    144
            """,
            Text(
                ["pipeline", "answer", "tokens"],
                [["fitprune(Reduction=0.6, Seed=1)", "a blue shirt and a large bag", "64"], ["none", "", "144"]], 33));

    [Fact]
    public void A_value_stands_below_its_head_where_there_is_no_room_beside_it()
        => Assert.Equal(
            """
            what it recognises
              a/folder/with/no/space/in/it
            n
              1
            """,
            Text(["what it recognises", "n"], [["a/folder/with/no/space/in/it", "1"]], 24));

    [Fact]
    public void A_row_that_belongs_to_the_one_above_stays_in_its_block()
        => Assert.Equal(
            """
            plugin  a
            state   on
            method  a_method_of_a_long_name
            method  another_of_a_long_name

            plugin  b
            state   off
            """,
            Text(["plugin", "state", "method"], [["a", "on", "a_method_of_a_long_name"], ["", "", "another_of_a_long_name"], ["b", "off", ""]], 36));

    [Fact]
    public void Text_without_spaces_breaks_between_its_characters_but_not_before_a_mark()
        => Assert.Equal(
            """
            answer                 n
            ─────────────────────  ─
            左上角有一件蓝色的衬   1
            衫，右边是一个包。
            """,
            Text(["answer", "n"], [["左上角有一件蓝色的衬衫，右边是一个包。", "1"]], 24));

    [Fact]
    public void Control_characters_cannot_move_the_cursor()
        => Assert.Equal("a\n────────\n␛[2Jx  y", Text(["a"], [["\x1b[2Jx  y"]], 40));

    [Fact]
    public void Lines_of_a_cell_stay_lines_and_no_line_ends_in_spaces()
        => Assert.Equal("a    b\n───  ─\none  1\ntwo", Text(["a", "b"], [["one\r\ntwo", "1"]], 40));

    [Fact]
    public void A_table_without_rows_has_its_heads()
        => Assert.Equal("plugin  state\n──────  ─────", Text(["plugin", "state"], [], 80));

    [Fact]
    public void Title_and_caption_break_too()
    {
        IReadOnlyList<TableLine> lines = TableLayout.Lines(["a"], [["b"]], 20, "What is in the top left?", "first\nsecond, which is longer");
        Assert.Equal(["What is in the top", "left?", "a", "─", "b", "first", "second, which is", "longer"], lines.Select(line => line.Text));
        Assert.Equal(
            [TableRole.Title, TableRole.Title, TableRole.Head, TableRole.Rule, TableRole.Cell, TableRole.Caption, TableRole.Caption, TableRole.Caption],
            lines.Select(line => line.Spans[0].Role));
    }

    [Fact]
    public void A_row_of_another_length_is_refused()
        => Assert.Contains(
            "2 cells but there are 1 heads", Assert.Throws<ArgumentException>(() => Text(["a"], [["b", "c"]], 80)).Message, StringComparison.Ordinal);

    /// <summary>Each word of each cell stands whole in some line, and lines keep to the width unless one word alone is wider.</summary>
    [Fact]
    public void No_word_is_broken_at_any_width()
    {
        (IReadOnlyList<string> heads, IReadOnlyList<IReadOnlyList<string>> rows) = (SampleTables.Plugins.Heads, SampleTables.Plugins.Rows);
        string[] words = [.. rows.SelectMany(row => row).SelectMany(cell => cell.Split(' ', StringSplitOptions.RemoveEmptyEntries))];
        int longest = words.Max(TextWidth.Of);
        for (int width = 20; width <= 220; width++)
        {
            string[] lines = Text(heads, rows, width).Split('\n');
            HashSet<string> shown = [.. lines.SelectMany(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))];
            Assert.DoesNotContain(words, word => !shown.Contains(word));
            Assert.DoesNotContain(lines, line => TextWidth.Of(line) > Math.Max(width, longest + 2));
            Assert.DoesNotContain(lines, line => line.EndsWith(' '));
        }
    }

    private static string Text(IReadOnlyList<string> heads, IReadOnlyList<IReadOnlyList<string>> rows, int width)
        => TableLayout.Text(TableLayout.Lines(heads, rows, width));
}
