using Aperture.Host.Repl;

namespace Aperture.Scripting.Tests.Repl;

public sealed class LineEditorTests : IDisposable
{
    private const string Up = "\x1b[A";
    private const string Down = "\x1b[B";
    private const string Left = "\x1b[D";
    private readonly EditorFixture _repl = new();

    public void Dispose() => _repl.Dispose();

    [Fact]
    public void Enter_runs_what_is_complete_and_goes_on_with_what_is_not()
    {
        Assert.Equal("1 + 1", _repl.EnteredText("1 + 1\r"));
        Assert.Equal("if (true)\n{\n    Print(1);\n}", _repl.EnteredText("if (true)\r{\rPrint(1);\r}\r"));
        Assert.Equal("#help me (", _repl.EnteredText("#help me (\r"));
    }

    [Fact]
    public void Two_empty_lines_run_what_can_never_be_complete()
    {
        Assert.Equal("var x = 1\n\n", _repl.EnteredText("var x = 1\r\r\r"));
    }

    [Fact]
    public void Ctrl_C_throws_the_entry_away_and_Ctrl_D_leaves_only_an_empty_prompt()
    {
        Assert.IsType<LineEntry.Abandoned>(_repl.Enter("1 + \x03"));
        Assert.IsType<LineEntry.End>(_repl.Enter("\x04"));
        Assert.Equal("ac", _repl.EnteredText("abc", Left, Left, "\x04\r"));
        Assert.IsType<LineEntry.End>(_repl.Enter("abc"));
    }

    [Fact]
    public void Ctrl_Enter_asks_for_details_and_Alt_Enter_starts_a_line()
    {
        Assert.Equal(new LineEntry.Entered("1", InDetail: true), _repl.Enter("1\x1b[27;5;13~"));
        Assert.Equal("1\n+ 1", _repl.EnteredText("1\x1b\r+ 1\r"));
    }

    [Fact]
    public void A_paste_is_taken_whole()
    {
        Assert.Equal("var a = 1;\nvar b = 2;", _repl.EnteredText("\x1b[200~var a = 1;\r\nvar b = 2;\r\n\x1b[201~", "\r"));
    }

    [Fact]
    public async Task Completions_open_while_typing_and_Tab_takes_the_first()
    {
        await _repl.Run("var names = new List<string>();");
        Assert.Equal("names.Count", _repl.EnteredText("names.Cou", new Seen("Count<>"), "\t\r"));
        Assert.Contains("> names.Count", _repl.Terminal.Screen.Rows);
    }

    [Fact]
    public async Task Enter_takes_a_completion_only_after_a_step_into_the_menu()
    {
        await _repl.Run("int total = 1, totals = 2;");
        Assert.Equal("tot", _repl.EnteredText("tot", new Seen("totals"), "\r"));
        Assert.Equal("totals", _repl.EnteredText("tot", new Seen("totals"), Down, Down, "\r", "\r"));
        Assert.Equal("tot", _repl.EnteredText("tot", new Seen("totals"), Down, "\x1b", "\r"));
    }

    [Fact]
    public async Task Tab_takes_a_completion_that_is_alone_and_indents_an_empty_line()
    {
        await _repl.Run("int peculiar = 1;");
        Assert.Equal("peculiar", _repl.EnteredText("pecul", "\x1b", "\t", new Seen("> peculiar"), "\r"));
        Assert.Equal("    1", _repl.EnteredText("\t1\r"));
    }

    [Fact]
    public void The_signature_of_the_call_stands_below()
    {
        _repl.Enter("Math.Max(1, ", new Seen("val2"), "\x03");
        Assert.DoesNotContain(_repl.Terminal.Screen.Rows, row => row.Contains("val2", StringComparison.Ordinal));
        Assert.Contains("> Math.Max(1, ^C", _repl.Terminal.Screen.Rows);
    }

    [Fact]
    public void F1_says_what_the_name_at_the_cursor_is()
    {
        _repl.Enter("Print", "\x1bOP", new Seen("Writes a value as one line of text."), "\x03");
    }

    [Fact]
    public void Earlier_entries_come_back_and_can_be_searched()
    {
        _repl.History.Add("var a = 1;");
        _repl.History.Add("if (a == 1)\n{\n}");
        Assert.Equal("if (a == 1)\n{\n}", _repl.EnteredText(Up, "\r"));
        Assert.Equal("var a = 1;", _repl.EnteredText("var", new Seen("var"), "\x1b", Up, "\r"));
        Assert.Equal("var a = 1;", _repl.EnteredText("\x12", "= 1", new Seen("search: = 1"), "\x12", "\r"));
        Assert.Equal("x", _repl.EnteredText("x", "\x12", "nowhere", new Seen("nothing older has"), "\x07", "\r"));
    }

    [Fact]
    public async Task Code_is_coloured_by_meaning_unless_colours_are_off()
    {
        using EditorFixture coloured = new(hasColour: true);
        await coloured.Run("int total = 1;");
        coloured.Enter("return Math.Max(total, 2); // x", new Seen("\x1b[35mreturn"), "\x03");
        Assert.Contains("\x1b[36mMath", coloured.Terminal.Written, StringComparison.Ordinal);
        Assert.Contains("\x1b[33mMax", coloured.Terminal.Written, StringComparison.Ordinal);
        _repl.Enter("return Math.Max(1, ", new Seen("val2"), "\x03");
        Assert.DoesNotMatch(
            "\x1b\\[[0-9;]*m", _repl.Terminal.Written.Replace("\x1b[>4;1m", "", StringComparison.Ordinal).Replace("\x1b[>4;0m", "", StringComparison.Ordinal));
    }

    [Fact]
    public void Long_lines_break_at_the_edge_and_the_cursor_is_where_it_belongs()
    {
        using EditorFixture narrow = new(width: 20);
        narrow.Enter("\"0123456789abcdefghij\"", Left, "\x1b[H", new Seen("ghij\""), "\x03");
        Assert.Equal(["> \"0123456789abcdef", "  ghij\"^C"], narrow.Terminal.Screen.Rows);
    }

    [Fact]
    public void What_is_higher_than_the_terminal_shows_the_part_around_the_cursor()
    {
        using EditorFixture low = new(height: 6);
        string[] lines = [.. Enumerable.Range(0, 12).Select(i => $"Print({i}, ")];
        low.Enter([.. lines.Select(l => l + "\r"), new Seen("Print(11, "), "\x1b[1;5H", new Seen("> Print(0, "), "\x03"]);
    }

    [Fact]
    public void Wide_characters_take_two_columns()
    {
        _repl.Enter("\"箱箱\"", new Seen("箱"), Left, "x", new Seen("x"), "\x03");
        Assert.Contains("> \"箱箱x\"^C", _repl.Terminal.Screen.Rows);
    }

    [Fact]
    public void A_closing_brace_and_Backspace_step_back_to_the_block()
    {
        Assert.Equal("{\n    {\n        1;\n    }\n}", _repl.EnteredText("{\r{\r1;\r}\r}\r"));
        Assert.Equal("{\n}", _repl.EnteredText("{\r\x7f}\r"));
    }
}
