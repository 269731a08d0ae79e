
namespace Aperture.Host.Tests.Cli;

/// <summary><c>aperture eval</c> from the shell.</summary>
[Trait("Category", "Process")]
public sealed class EvalCommandTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    [Fact]
    public async Task An_interrupted_run_keeps_its_answers_and_the_same_command_goes_on()
    {
        using CommandFolder folder = new();
        File.WriteAllLines(
            Path.Combine(folder.Folder, "questions.jsonl"),
            Enumerable.Range(0, 60).Select(i => $$"""{"image": "{{small.Picture}}", "question": "abc?", "answers": ["a", "b"], "type": "kind {{i % 2}}"}"""));
        string samples = Path.Combine(folder.Folder, "out", "samples.jsonl");
        string[] command = ["eval", small.Folder, "questions.jsonl", "--output", "out", "--with", "random:Tokens=4", "--threads", "1", "--max-new-tokens", "8"];
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(120));

        using ApertureProcess process = folder.Start(command);
        while (!File.Exists(samples) || new FileInfo(samples).Length == 0)
        {
            await Task.Delay(20, patience.Token);
        }

        process.Interrupt();
        (int code, string output, string error) = await process.EndAsync();
        int kept = File.ReadAllLines(samples).Length;
        (int again, string tables, string told) = await folder.Run(command);
        (_, _, string refused) = await folder.Run([.. command, "--limit", "3"]);

        Assert.Equal((130, ""), (code, output));
        Assert.Equal("What was answered is kept in 'out'; the same command goes on from there.\nCancelled.\n", error);
        Assert.InRange(kept, 1, 119);
        Assert.Equal((0, $"120 answers are in 'out', {kept} of them from before.\n"), (again, told));
        Assert.Equal(120, File.ReadAllLines(samples).Length);
        Assert.Contains("kind 1 (30)", tables, StringComparison.Ordinal);
        Assert.Contains("p two-sided, exact McNemar", tables.ReplaceLineEndings(" "), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(folder.Folder, "out", "summary.json")));
        Assert.Equal(
            "error: 'out' holds another evaluation: its questions are '60', not '3'; give the command that began it to go on, or another folder.\n", refused);
    }

    [Theory]
    [InlineData("--limit -1: give how many questions to ask, or 0 for all.", "--limit", "-1")]
    [InlineData("There is no score 'bleu'; use exact, vqa, pope, scienceqa.", "--score", "bleu")]
    [InlineData("MaxNewTokens is 0 but must be from 1 to 16777216.", "--max-new-tokens", "0")]
    public async Task What_cannot_be_is_one_line(string says, params string[] options)
    {
        string questions = Path.Combine(small.Root, "one.jsonl");
        File.WriteAllText(questions, """{"question": "abc?", "answer": "a"}""");
        using StringWriter output = new(), error = new();

        int code = await CommandLine.RunAsync(["eval", small.Folder, questions, .. options], new Terminal(output, error));

        Assert.Equal((1, "", $"error: {says}\n"), (code, output.ToString(), error.ToString()));
    }
}
