using Aperture.Pipelines;
using Aperture.Scripting;

namespace Aperture.Scripting.Tests.Sessions;

public class ScriptSessionTests
{
    [Fact]
    public async Task Submissions_see_usings_variables_methods_and_types_of_those_before()
    {
        using ScriptFixture f = new();
        await f.Value("using System.Text;");
        await f.Value("var b = new StringBuilder(); record Point(int X, int Y); int Twice(int x) => 2 * x;");
        await f.Value("");
        Assert.Equal("42", await f.Value("b.Append(Twice(new Point(21, 0).X)).ToString()"));
        Assert.Equal(["b"], f.Session.Variables.Select(v => v.Name));
    }

    [Fact]
    public async Task A_later_variable_hides_an_earlier_one_of_the_same_name()
    {
        using ScriptFixture f = new();
        await f.Value("var x = 1;");
        await f.Value("var x = \"two\";");
        Assert.Equal("two", await f.Value("x"));
        Assert.Equal("two", Assert.Single(f.Session.Variables).Value);
    }

    [Fact]
    public async Task Globals_arguments_and_output_are_there_without_a_prefix()
    {
        using ScriptFixture f = new(null, "one", "two");
        await f.Value("Counter = Args.Count; Print(Args[1]); Show(new[] { 1, 2 }); await Task.Delay(1, Cancellation); Print(ScriptFolder);");
        Assert.Equal(2, f.Globals.Counter);
        Assert.Equal($"two\n[1, 2]\n{f.Folder}\n", f.Output.ToString());
    }

    [Theory]
    [InlineData("1 + 1", 2, true)]
    [InlineData("return 3;", 3, false)]
    [InlineData("var y = 4;", null, false)]
    [InlineData("Print(\"x\")", null, false)]
    [InlineData("await Task.FromResult(5)", 5, true)]
    public async Task An_expression_without_semicolon_is_told_from_a_statement(string text, object? value, bool isExpression)
    {
        using ScriptFixture f = new();
        Assert.Equal(new ScriptResult.Value(value, isExpression), await f.Run(text));
    }

    [Fact]
    public async Task Compile_errors_carry_file_line_and_column_and_leave_the_session_as_it_was()
    {
        using ScriptFixture f = new();
        await f.Value("var x = 7;");
        ScriptResult.CompileError error = Assert.IsType<ScriptResult.CompileError>(await f.Run("int a = 1;\n  foo(a);"));
        Assert.Equal("cell(2,3): error CS0103: The name 'foo' does not exist in the current context", error.ToString());
        Assert.Equal(7, await f.Value("x"));
    }

    [Fact]
    public async Task Runtime_errors_name_the_line_of_the_script_frame()
    {
        using ScriptFixture f = new();
        f.Write("fails.csx", "async Task<int> Parse(string s)\n{\n    return int.Parse(s);\n}\n\nawait Task.Yield();\nawait Parse(\"no\");\n");
        ScriptResult.RuntimeError error = Assert.IsType<ScriptResult.RuntimeError>(await f.RunFile("fails.csx"));
        Assert.IsType<FormatException>(error.Exception);
        Assert.Equal(Path.Combine(f.Folder, "fails.csx"), error.File);
        Assert.Equal(3, error.Line);
    }

    [Fact]
    public async Task What_the_engine_tells_of_a_function_of_the_script_names_the_functions_line()
    {
        using ScriptFixture f = new();
        const string told = "throw new Aperture.ApertureException(\"own, before the decoder: no\", cause);";
        f.Write("own.csx", $"void Own()\n{{\n    throw new FormatException(\"no\");\n}}\n\ntry {{ Own(); }}\ncatch (FormatException cause) {{ {told} }}\n");

        ScriptResult.RuntimeError error = Assert.IsType<ScriptResult.RuntimeError>(await f.RunFile("own.csx"));

        Assert.Equal($"{Path.Combine(f.Folder, "own.csx")}(3): own, before the decoder: no", error.ToString());
    }

    [Fact]
    public async Task A_failed_submission_keeps_what_it_had_assigned_and_hides_nothing_else()
    {
        using ScriptFixture f = new();
        await f.Value("var x = 5;");
        Assert.IsType<ScriptResult.RuntimeError>(await f.Run("var x = int.Parse(\"no\");"));
        Assert.Equal(5, await f.Value("x"));
        Assert.IsType<ScriptResult.RuntimeError>(await f.Run("var z = 6; throw new InvalidOperationException();"));
        Assert.Equal(11, await f.Value("x + z"));
    }

    [Fact]
    public async Task A_script_may_block_on_its_own_async_code()
    {
        using ScriptFixture f = new();
        Assert.Equal(3, await f.Value("async Task<int> Slow() { await Task.Delay(5); await Task.Yield(); return 3; }\nSlow().Result"));
    }

    [Fact]
    public async Task Code_after_await_stays_on_the_thread_of_the_session()
    {
        using ScriptFixture f = new();
        await f.Value("var first = Environment.CurrentManagedThreadId;");
        Assert.Equal(true, await f.Value("await Task.Delay(5); await Task.Yield(); return first == Environment.CurrentManagedThreadId;"));
    }

    [Fact]
    public async Task Load_includes_files_relative_to_the_loading_file()
    {
        using ScriptFixture f = new();
        Directory.CreateDirectory(Path.Combine(f.Folder, "lib"));
        f.Write("lib/inner.csx", "int Inner() => 20;");
        f.Write("lib/outer.csx", "#load \"inner.csx\"\nint Outer() => Inner() + 1;");
        f.Write("main.csx", "#load \"lib/outer.csx\"\nreturn Outer() * 2;");
        Assert.Equal(new ScriptResult.Value(42, false), await f.RunFile("main.csx"));
        Assert.IsType<ScriptResult.CompileError>(await f.Run("#load \"missing.csx\""));
    }

    [Theory]
    [InlineData("await (Task.FromResult(6)) * 7", 42)]
    [InlineData("var n = await (Task.FromResult(6)); n", 6)]
    [InlineData("Math.Abs(await(Task.FromResult(-3)))", 3)]
    [InlineData("await (Task.FromResult(4)).ConfigureAwait(false)", 4)]
    [InlineData("if (true) { Counter = await (Task.FromResult(9)); }\nCounter", 9)]
    [InlineData("await (await (Task.FromResult(Task.FromResult(2))))", 2)]
    [InlineData("async Task<int> F() => await (Task.FromResult(8));\nawait F()", 8)]
    public async Task Await_before_parentheses_is_understood(string text, object value)
    {
        using ScriptFixture f = new();
        Assert.Equal(value, await f.Value(text));
    }

    [Fact]
    public async Task Await_before_parentheses_keeps_the_places_of_errors()
    {
        using ScriptFixture f = new();
        ScriptResult.CompileError error = Assert.IsType<ScriptResult.CompileError>(await f.Run("var n = await (Task.FromResult(6)); foo(n);"));
        Assert.Equal("cell(1,37): error CS0103: The name 'foo' does not exist in the current context", error.ToString());
        f.Write("part.csx", "var n = await (Task.FromResult(6));");
        error = Assert.IsType<ScriptResult.CompileError>(await f.Run("#load \"part.csx\""));
        Assert.Contains("write 'var task = …; await task'", error.ToString());
    }

    [Theory]
    [InlineData("#!time\n6 * 7")]
    [InlineData("#!time 6 * 7")]
    [InlineData("Counter = 1;\n  #!time\n6 * 7")]
    public async Task A_timed_entry_prints_how_long_it_took(string text)
    {
        using ScriptFixture f = new();
        Assert.NotEqual(CodeState.Incomplete, SessionIntelligence.Examine(text));
        Assert.Equal(42, await f.Value(text));
        Assert.Matches(@"^time: [\d.]+ m?s, and [\d.]+ m?s to compile\n$", f.Output.ToString());
    }

    [Fact]
    public async Task The_time_of_an_entry_is_that_of_its_code()
    {
        using ScriptFixture f = new();
        await f.Value("#!time\nThread.Sleep(1200);");
        string seconds = Assert.Single(f.Output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries)).Split(' ')[1];
        Assert.InRange(double.Parse(seconds), 1.2, 60);
        await f.Value("\"#!time\"");
        Assert.Single(f.Output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Theory]
    [InlineData("var x = 1;", true)]
    [InlineData("1 +", false)]
    [InlineData("if (true) {", false)]
    [InlineData("if (true) { }", true)]
    public void A_text_is_complete_when_its_syntax_is(string text, bool complete)
        => Assert.Equal(complete, SessionIntelligence.Examine(text) != CodeState.Incomplete);

    [Fact]
    public void A_missing_script_file_is_a_clear_error()
    {
        ApertureException error = Assert.Throws<ApertureException>(() => ScriptSource.FromFile("nowhere.csx"));
        Assert.StartsWith("There is no script 'nowhere.csx'", error.Message);
    }
}
