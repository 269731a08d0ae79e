using Aperture.Scripting;

namespace Aperture.Scripting.Tests.Sessions;

public class UsingVariableTests
{
    private const string Noted =
        "class Noted(string name, TextWriter to) : IDisposable { public void Dispose() => to.Write(name); } var log = new StringWriter();";

    [Fact]
    public async Task What_using_declares_lives_until_its_name_is_declared_anew()
    {
        using ScriptFixture f = new();
        await f.Value(Noted);
        await f.Value("using var a = new Noted(\"a\", log);\nusing Noted b = new(\"b\", log), c = new(\"c\", log);");
        Assert.Equal("", await f.Value("log.ToString()"));
        Assert.Equal(["log", "a", "b", "c"], f.Session.Variables.Select(v => v.Name));
        await f.Value("var b = 1;");
        Assert.Equal("b", await f.Value("log.ToString()"));
        await f.Value("using var a = new Noted(\"A\", log);");
        Assert.Equal("ba", await f.Value("log.ToString()"));
        TextWriter log = (TextWriter)(await f.Value("log"))!;
        f.Session.Dispose();
        Assert.Equal("baAc", log.ToString());
    }

    [Fact]
    public async Task A_script_and_a_file_it_loads_dispose_at_their_end_also_from_the_cache()
    {
        using ScriptFixture f = new();
        f.Write("part.csx", "using var loaded = new StreamWriter(Path.Combine(ScriptFolder, \"loaded.txt\"));");
        f.Write("a.csx", "#load \"part.csx\"\nusing var own = new StreamWriter(Path.Combine(ScriptFolder, \"own.txt\"));\nown.Write(7); loaded.Write(8);");
        for (int start = 0; start < 2; start++)
        {
            File.Delete(Path.Combine(f.Folder, "own.txt"));
            Assert.IsType<ScriptResult.Value>(await f.RunFile("a.csx"));
            Assert.Equal(1 - start, f.Session.Compilations);
            f.Restart();
            Assert.Equal("7", File.ReadAllText(Path.Combine(f.Folder, "own.txt")));
            Assert.Equal("8", File.ReadAllText(Path.Combine(f.Folder, "loaded.txt")));
        }
    }

    [Fact]
    public async Task What_an_entry_that_fails_had_declared_is_disposed_too()
    {
        List<Exception> errors = [];
        using ScriptFixture f = new(options => options with { OnBackgroundError = errors.Add });
        await f.Value(Noted);
        await f.Value("class Bad : IDisposable { public void Dispose() => throw new InvalidOperationException(\"on purpose\"); }");
        Assert.IsType<ScriptResult.RuntimeError>(await f.Run("using var a = new Noted(\"a\", log); using var bad = new Bad(); throw new Exception();"));
        TextWriter log = (TextWriter)(await f.Value("log"))!;
        f.Session.Dispose();
        Assert.Equal("a", log.ToString());
        Assert.Equal("on purpose", Assert.Single(errors).Message);
    }

    [Fact]
    public async Task Await_using_is_awaited()
    {
        using ScriptFixture f = new();
        await f.Value("class Later : IAsyncDisposable { public static int Count; public async ValueTask DisposeAsync() { await Task.Delay(1); Count++; } }");
        await f.Value("await using var x = new Later();");
        await f.Value("var x = 1;");
        Assert.Equal(1, await f.Value("Later.Count"));
    }

    [Fact]
    public async Task What_cannot_be_disposed_is_refused_and_other_usings_stay_what_they_are()
    {
        using ScriptFixture f = new();
        ScriptResult.CompileError error = Assert.IsType<ScriptResult.CompileError>(await f.Run("using var x = 3;"));
        Assert.Equal("cell(1,11): error CS1674: 'int': what 'using' declares must be IDisposable or IAsyncDisposable", error.ToString());
        await f.Value("using Text = System.Text.StringBuilder;\nusing static System.Math;");
        Assert.Equal(3, await f.Value("using (var r = new StringReader(\"\")) { Counter = Abs(-3); }\nCounter"));
        Assert.Equal(CodeState.Incomplete, SessionIntelligence.Examine("using var x = "));
    }

    [Fact]
    public async Task Completion_knows_what_is_written_in_such_a_declaration()
    {
        using ScriptFixture f = new();
        using SessionIntelligence intelligence = new(f.Session);
        string code = "using var text = new StringReader(\"a\");\ntext.ReadLi";
        Assert.Contains((await intelligence.CompleteAsync(code, code.Length)).Items, item => item.Text == "ReadLine");
    }
}
