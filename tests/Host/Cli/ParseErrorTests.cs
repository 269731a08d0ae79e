using System.CommandLine;
using Aperture.Host.Commands;

namespace Aperture.Host.Tests.Cli;

/// <summary>What is typed wrong: one line that names it, with what was probably meant; exit code 1, nothing on standard output.</summary>
public class ParseErrorTests
{
    private const string Ask = "aperture ask tiny-llava scripts/shelf.png \"How many boots are there?\"";

    [Theory]
    [InlineData($"ask needs a model and a question; for example: {Ask}", "ask")]
    [InlineData($"ask needs a question; for example: {Ask}", "ask", "tiny-llava")]
    [InlineData("run needs a script; for example: aperture run scripts/quickstart.csx", "run")]
    [InlineData("pull needs an id; for example: aperture pull llava-hf/llava-1.5-7b-hf", "pull")]
    [InlineData(
        "train needs --output FOLDER: aperture train METHOD MODEL DATA --output FOLDER; --options lists what may be set.",
        "train", "dyvte", "tiny-llava", "q.jsonl")]
    [InlineData("--with needs a value: --with <methods>.", "ask", "tiny-llava", "a.png", "what?", "--with")]
    [InlineData("jupyter needs a command: install, kernel.", "jupyter")]
    [InlineData("aperture needs a command; 'aperture --help' lists those there are.", "--threads", "1")]
    public Task What_is_missing_is_named(string told, params string[] words) => Told(told, words);

    [Theory]
    [InlineData("ask has no option '--wiht'; did you mean --with?", "ask", "tiny-llava", "a.png", "what?", "--wiht", "fitprune")]
    [InlineData("ask has no option '--tempreature'; did you mean --temperature?", "ask", "tiny-llava", "what?", "--tempreature=0.5")]
    [InlineData("ask has no option '--tokens'; did you mean --max-new-tokens?", "ask", "tiny-llava", "what?", "--tokens", "5")]
    [InlineData("eval has no option '--thread'; did you mean --threads?", "eval", "tiny-llava", "q.jsonl", "--thread", "1")]
    [InlineData("plugins list has no option '--quiet'; 'aperture plugins list --help' lists those it has.", "plugins", "list", "--quiet")]
    [InlineData("aperture has no option '--verison'; did you mean --version?", "--verison")]
    [InlineData(
        "run has no option '--output'; 'aperture run --help' lists those it has. Words for the script stand behind --.",
        "run", "a.csx", "--output", "map.png")]
    [InlineData("There is no command 'plugins lst'; did you mean 'plugins list'?", "plugins", "lst")]
    [InlineData("There is no command 'models xyz'; there are list.", "models", "xyz")]
    [InlineData("There is no command 'plugin'; did you mean 'plugins'?", "plugin", "list")]
    [InlineData(
        "pull does not know what to do with 'b'; put what belongs together in quotes; for example: aperture pull llava-hf/llava-1.5-7b-hf", "pull", "a/x", "b")]
    public Task What_is_unknown_is_named_with_the_nearest(string told, params string[] words) => Told(told, words);

    [Theory]
    [InlineData("--threads 0: give a number from 1.", "run", "a.csx", "--threads", "0")]
    [InlineData("--limit many: give a whole number.", "eval", "tiny-llava", "q.jsonl", "--limit", "many")]
    [InlineData("--temperature warm: give a number.", "ask", "tiny-llava", "what?", "--temperature", "warm")]
    [InlineData("--seed -1: give a whole number from 0.", "ask", "tiny-llava", "what?", "--seed", "-1")]
    [InlineData("--part Training2: give Training or HeldOut.", "shelf", "questions", "folder", "--part", "Training2")]
    [InlineData("--limit is given 2 times; give it once.", "eval", "tiny-llava", "q.jsonl", "--limit", "1", "--limit", "2")]
    public Task What_has_a_wrong_value_is_named(string told, params string[] words) => Told(told, words);

    [Fact]
    public void Words_behind_two_dashes_and_values_of_options_are_taken_as_they_are()
    {
        using CtrlC ctrlC = new();
        RootCommand root = CommandLine.Create(Context(ctrlC));
        Assert.All(
            [
                ["run", "a.csx", "--", "--output", "map.png"],
                ["repl", "--eval", "-x", "--", "--anything"],
                ["ask", "tiny-llava", "@home, what is there?", "--temperature", "-1"],
                ["ask", "tiny-llava", "--", "--what?"],
            ],
            (string[] words) => Assert.Null(ParseErrors.Find(root.Parse(words, CommandLine.Reading))));
    }

    [Fact]
    public async Task Every_command_has_examples_and_each_can_be_run()
    {
        using CtrlC ctrlC = new();
        CommandContext context = Context(ctrlC);
        RootCommand root = CommandLine.Create(context);
        await using PluginCommands plugins = new(context, CommandLine.CreateWithoutVerbs(context).Parse([]));
        plugins.AddTo(root);
        Command[] all = [.. Leaves(root)];

        Assert.All(all.Prepend(root), command => Assert.NotEmpty(CommandExamples.Of(command)));
        Assert.All(CommandExamples.All, example =>
        {
            string[] words = Words(example);
            ParseResult parsed = root.Parse(words[1..], CommandLine.Reading);
            Assert.Equal(("aperture", null), (words[0], ParseErrors.Find(parsed)));
            Assert.Contains(parsed.CommandResult.Command, all);
            Assert.Contains(example, CommandExamples.Of(parsed.CommandResult.Command));
        });
    }

    [Theory]
    [InlineData("  aperture plugins new SigLlava --kind family\n", "plugins", "new", "--help")]
    [InlineData("  aperture run scripts/quickstart.csx -- --output map.png\n", "run", "--help")]
    public async Task Help_ends_with_examples(string line, params string[] words)
    {
        (int code, string output, string error) = await Run(words);
        Assert.Equal((0, ""), (code, error));
        Assert.EndsWith(line, output.TrimEnd('\n') + "\n", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_at_all_is_help()
    {
        (int code, string output, _) = await Run();
        Assert.Equal(0, code);
        Assert.Equal((await Run("--help")).Output, output);
        Assert.Contains("Examples:\n  aperture run scripts/quickstart.csx\n", output, StringComparison.Ordinal);
    }

    private static async Task Told(string told, string[] words)
        => Assert.Equal((1, "", $"error: {told}\n"), await Run(words));

    private static async Task<(int Code, string Output, string Error)> Run(params string[] words)
    {
        StringWriter output = new(), error = new();
        int code = await CommandLine.RunAsync(words, new Terminal(output, error));
        return (code, output.ToString(), error.ToString());
    }

    private static CommandContext Context(CtrlC ctrlC)
        => new(new Terminal(new StringWriter(), new StringWriter()), new ComputeOptions(), new PluginSources(), ctrlC);

    private static IEnumerable<Command> Leaves(Command command)
        => command.Subcommands.SelectMany(sub => sub.Subcommands.Count == 0 ? [sub] : Leaves(sub));

    // As a shell splits words: at spaces, outside of single and double quotes.
    private static string[] Words(string line)
        => [.. System.Text.RegularExpressions.Regex.Matches(line, "\"([^\"]*)\"|'([^']*)'|[^ ]+").Select(match => match.Value.Trim('"', '\''))];
}
