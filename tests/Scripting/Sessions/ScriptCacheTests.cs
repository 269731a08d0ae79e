using Aperture.Scripting;

namespace Aperture.Scripting.Tests.Sessions;

public class ScriptCacheTests
{
    [Fact]
    public async Task The_second_start_compiles_nothing()
    {
        using ScriptFixture f = new();
        f.Write("a.csx", "var x = 41;\nx + 1");
        Assert.Equal(new ScriptResult.Value(42, true), await f.RunFile("a.csx"));
        Assert.Equal(1, f.Session.Compilations);
        f.Restart();
        Assert.Equal(new ScriptResult.Value(42, true), await f.RunFile("a.csx"));
        Assert.Equal(0, f.Session.Compilations);
    }

    [Fact]
    public async Task A_cell_sees_the_variables_of_a_script_that_came_from_the_cache()
    {
        using ScriptFixture f = new();
        f.Write("a.csx", "var x = 41; int Next(int y) => y + 1;");
        await f.RunFile("a.csx");
        f.Restart();
        await f.RunFile("a.csx");
        Assert.Equal(0, f.Session.Compilations);
        Assert.Equal(42, await f.Value("Next(x)"));
    }

    [Fact]
    public async Task Errors_of_a_cached_script_still_name_their_line()
    {
        using ScriptFixture f = new();
        f.Write("a.csx", "\n\nthrow new InvalidOperationException(\"on purpose\");");
        await f.RunFile("a.csx");
        f.Restart();
        ScriptResult.RuntimeError error = Assert.IsType<ScriptResult.RuntimeError>(await f.RunFile("a.csx"));
        Assert.Equal(0, f.Session.Compilations);
        Assert.Equal(3, error.Line);
    }

    [Fact]
    public async Task Changing_the_text_or_a_loaded_text_compiles_again()
    {
        using ScriptFixture f = new();
        f.Write("part.csx", "int Part() => 1;");
        f.Write("a.csx", "#load \"part.csx\"\nPart()");
        await f.RunFile("a.csx");
        f.Write("part.csx", "int Part() => 2;");
        f.Restart();
        Assert.Equal(new ScriptResult.Value(2, true), await f.RunFile("a.csx"));
        f.Write("a.csx", "#load \"part.csx\"\nPart() + 1");
        f.Restart();
        Assert.Equal(new ScriptResult.Value(3, true), await f.RunFile("a.csx"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(20)]
    [InlineData(-1)]
    public async Task A_damaged_entry_is_ignored_and_written_anew(int position)
    {
        using ScriptFixture f = new();
        f.Write("a.csx", "6 * 7");
        await f.RunFile("a.csx");
        string entry = Assert.Single(Directory.GetFiles(Path.Combine(f.Folder, "cache")));
        byte[] whole = File.ReadAllBytes(entry);
        byte[] damaged = [.. whole];
        damaged[position < 0 ? damaged.Length + position : position] ^= 1;
        File.WriteAllBytes(entry, damaged);
        f.Restart();
        Assert.Equal(new ScriptResult.Value(42, true), await f.RunFile("a.csx"));
        Assert.Equal(1, f.Session.Compilations);
        f.Restart();
        await f.RunFile("a.csx");
        Assert.Equal(0, f.Session.Compilations);
    }

    [Fact]
    public async Task A_cache_folder_that_cannot_be_written_does_not_stop_the_script()
    {
        using ScriptFixture f = new();
        string file = f.Write("not-a-folder", "");
        f.Write("a.csx", "1");
        using ScriptSession session = new(typeof(TestGlobals), f.Globals, new ScriptSessionOptions { CacheFolder = file });
        ScriptResult result = await session.RunAsync(ScriptSource.FromFile(Path.Combine(f.Folder, "a.csx")), CancellationToken.None);
        Assert.Equal(new ScriptResult.Value(1, true), result);
    }
}
