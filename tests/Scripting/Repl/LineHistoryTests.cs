using Aperture.Host.Repl;

namespace Aperture.Scripting.Tests.Repl;

public sealed class LineHistoryTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-history-").FullName;

    private string File => Path.Combine(_folder, "state", "history");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Entries_of_several_lines_survive_the_session()
    {
        LineHistory first = new(File);
        first.Add("if (true)\n{\n    \"ü\\\" \"\n}");
        first.Add("two");
        first.Add("two");
        first.Add("  ");
        Assert.Equal(["if (true)\n{\n    \"ü\\\" \"\n}", "two"], new LineHistory(File).Entries);
        Assert.True(OperatingSystem.IsWindows() || System.IO.File.GetUnixFileMode(File) == (UnixFileMode.UserRead | UnixFileMode.UserWrite));
    }

    [Fact]
    public void Sessions_side_by_side_keep_each_others_entries()
    {
        LineHistory first = new(File);
        LineHistory second = new(File);
        first.Add("one");
        second.Add("two");
        Assert.Equal(["one", "two"], new LineHistory(File).Entries);
    }

    [Fact]
    public void Lines_that_are_damaged_are_passed_over_and_long_files_are_shortened()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(File)!);
        System.IO.File.WriteAllLines(File, ["\"a\"", "\"half", "12", "", .. Enumerable.Range(0, 10_001).Select(i => $"\"{i}\"")]);
        Assert.Equal(5000, new LineHistory(File).Entries.Count);
        Assert.Equal(5000, System.IO.File.ReadAllLines(File).Length);
        Assert.Equal("10000", new LineHistory(File).Entries[^1]);
    }

    [Fact]
    public void A_walk_stays_among_entries_that_start_alike_and_comes_back()
    {
        LineHistory history = new(null);
        foreach (string entry in new[] { "var a = 1;", "Print(a)", "var b = 2;", "Print(b)" })
        {
            history.Add(entry);
        }

        HistoryWalk walk = new(history);
        Assert.Equal("var b = 2;", walk.Older("var"));
        Assert.Equal("var a = 1;", walk.Older("var b = 2;"));
        Assert.Null(walk.Older("var a = 1;"));
        Assert.Equal("var b = 2;", walk.Younger());
        Assert.Equal("var", walk.Younger());
        Assert.Null(walk.Younger());
    }

    [Fact]
    public void A_file_that_cannot_be_written_costs_only_the_memory()
    {
        LineHistory history = new(Path.Combine("/proc", "nothing", "history"));
        history.Add("one");
        Assert.Equal(["one"], history.Entries);
    }
}
