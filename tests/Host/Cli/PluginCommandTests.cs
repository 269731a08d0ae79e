using Aperture.Host.Tests.Plugins;
using Aperture.Images;

namespace Aperture.Host.Tests.Cli;

/// <summary>Commands that plugins add: their arguments and options, how they end, and verbs that nobody or too many have.</summary>
[Trait("Category", "Process")]
public sealed class PluginCommandTests : IDisposable
{
    private readonly CommandFolder _folder = new();
    private readonly PluginSandbox _sandbox = new();

    public PluginCommandTests() => _folder.Environment["APERTURE_PLUGINS"] = _sandbox.Add("Verbs");

    public void Dispose()
    {
        _sandbox.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Arguments_and_options_reach_the_command_and_its_exit_code_comes_back()
    {
        (int code, string output, string error) = await _folder.Run(
            "count", "7", "one", "three", "--times", "3", "--scale", "0.5", "--more", "four", "--more", "seven", "--loud");

        Assert.Equal((7, ""), (code, error));
        Assert.Equal("6 WORDS", output.TrimEnd('\n').Split('\n')[^1]);
        Assert.StartsWith("word   [length]\n─────  ────────\n", output, StringComparison.Ordinal);
        Assert.Contains("\nthree         5\n", output, StringComparison.Ordinal);

        Assert.EndsWith("\n0 words\n", (await _folder.Run("--threads", "1", "count", "0")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_lists_the_command_and_describes_it()
    {
        (int code, string output, string error) = await _folder.Run("--help");

        Assert.Equal(0, code);
        Assert.Contains(output.Split('\n'), line => line.Contains("count <end> <words>") && line.Contains("Count words."));
        Assert.Contains(output.Split('\n'), line => line.Contains("analyze <model> <questions>"));
        Assert.StartsWith("warning: Plugin 'verbs': the command 'wrong' cannot be called: ", Assert.Single(error.TrimEnd('\n').Split('\n')));

        (code, output, _) = await _folder.Run("count", "--help");
        Assert.Equal(0, code);
        Assert.All(
            ["count <end> [<words>...] [options]", "--times <count>", "How often. [default: 2]", "--scale <factor>", "--loud"],
            text => Assert.Contains(text, output, StringComparison.Ordinal));
        Assert.DoesNotContain("--dtype", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("count needs an end.", "count")]
    [InlineData("--times many: give a whole number.", "count", "0", "--times", "many")]
    [InlineData("--scale 1e999: give a number.", "count", "0", "--scale", "1e999")]
    [InlineData("--chart is given 2 times; give it once.", "count", "0", "--chart", "a", "--chart", "b")]
    [InlineData("lengths has no option '--quiet'; 'aperture lengths --help' lists those it has.", "lengths", "tiny-llava", "any.jsonl", "--quiet")]
    public async Task What_does_not_fit_the_description_is_named(string told, params string[] arguments)
    {
        (int code, _, string error) = await _folder.Run(arguments);

        Assert.Equal((1, $"error: {told}\n"), (code, error));
    }

    [Theory]
    [InlineData("throw", "error: InvalidOperationException: thrown on purpose (set APERTURE_DEBUG=1 to see where)\n")]
    [InlineData("refuse", "error: The words are no good; give others.\n")]
    [InlineData("ask", "error: ArgumentException: The command 'count' describes no argument or option 'nothing'.")]
    [InlineData("open", "error: InvalidOperationException: The command 'count' does not declare that it needs a model.")]
    public async Task An_exception_is_one_line(string end, string told)
    {
        (int code, _, string error) = await _folder.Run("count", end);

        Assert.Equal(1, code);
        Assert.StartsWith(told, error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public async Task A_command_may_work_on_a_model_and_questions()
    {
        string picture = Repository.Path("scripts", "shelf.png");
        string Line(char id) => $$"""{"question_id":"{{id}}","image":"{{picture}}","question":"What is in the top left?"}""";
        _folder.Write("two.jsonl", $"{Line('a')}\n{Line('b')}\n");

        (int code, string output, string error) = await _folder.Run("lengths", "tiny-llava", "two.jsonl", "--dtype", "float32");

        Assert.Equal((0, ""), (code, error));
        string[] lines = output.TrimEnd('\n').Split('\n');
        Assert.Equal((2, lines[0][1..]), (lines.Length, lines[1][1..]));
        Assert.Matches("^a: [1-9][0-9]* tokens$", lines[0]);
    }

    [Fact]
    public async Task A_chart_becomes_a_picture()
    {
        (int code, string output, _) = await _folder.Run("count", "0", "one", "none", "three", "--chart", "drawn/words.png");

        string path = Path.Combine(_folder.Folder, "drawn", "words.png");
        Assert.Equal(0, code);
        Assert.EndsWith($"\n{path}\n", output, StringComparison.Ordinal);
        Assert.Equal((900, 560), (Image.Load(path).Width, Image.Load(path).Height));
        Assert.Equal([path], Directory.GetFiles(Path.Combine(_folder.Folder, "drawn")));
    }

    [Fact]
    public async Task Progress_stands_on_a_terminal_until_something_is_written()
    {
        using TerminalProcess terminal = new(_folder.Folder, _folder.Environment, "count", "0", "one", "three", "--wait", "go");
        await terminal.SeeAsync("word three");

        _folder.Write("go", "");

        await terminal.SeeAsync("4 words");
        Assert.Equal(0, await terminal.EndAsync());
    }

    [Fact]
    public async Task An_unknown_verb_is_one_line_and_a_built_in_one_loads_no_plugin()
    {
        Assert.Equal((1, "", "error: There is no command 'cuont'; did you mean 'count'?\n"), await _folder.Run("cuont", "0", "--loud"));

        _folder.Environment["APERTURE_PLUGINS"] = _sandbox.Add("ThrowingRegister");
        (int code, _, string error) = await _folder.Run("xyz");
        Assert.Equal(1, code);
        Assert.StartsWith("error: There is no command 'xyz'; aperture --help lists those there are. Plugin 'throwingregister': ", error);
        (code, _, error) = await _folder.Run("--help");
        Assert.Equal(0, code);
        Assert.StartsWith("warning: Plugin 'throwingregister': ", error, StringComparison.Ordinal);
        (code, _, error) = await _folder.Run("plugins", "--help");
        Assert.Equal((0, ""), (code, error));
    }

    [Fact]
    public async Task A_verb_of_two_plugins_or_of_the_command_itself_is_told()
    {
        _folder.Environment["APERTURE_PLUGINS"] += $":{_sandbox.Add("SameVerb")}";

        (int code, _, string error) = await _folder.Run("count", "0");
        Assert.Equal(1, code);
        Assert.StartsWith("error: Plugins 'verbs' and 'sameverb' have a command 'count' each; ", error, StringComparison.Ordinal);

        (code, string output, error) = await _folder.Run("--help");
        Assert.Equal(0, code);
        Assert.Contains("warning: Plugins 'verbs' and 'sameverb' have a command 'count' each; ", error, StringComparison.Ordinal);
        Assert.Contains("warning: Plugin 'sameverb' has a command 'ask', which is a built-in verb; ", error, StringComparison.Ordinal);
        Assert.DoesNotContain("Count words.", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_description_and_a_wrong_name_are_told()
    {
        (int code, _, string error) = await _folder.Run("wrong", "tiny-llava");
        Assert.Equal(1, code);
        Assert.StartsWith("error: Plugin 'verbs': the command 'wrong' cannot be called: the argument or option 'dtype' is there twice, or ", error);

        _folder.Environment["APERTURE_PLUGINS"] = _sandbox.Add("NamelessVerb");
        (code, _, error) = await _folder.Run("plugins", "list");
        Assert.Equal(1, code);
        Assert.StartsWith("error: Plugin 'namelessverb': the command registered as 'outspoken' calls itself 'shy'; register each command as ", error);
    }
}
