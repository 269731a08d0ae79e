using System.Text.Json.Nodes;

namespace Aperture.Host.Tests.Cli;

[Trait("Category", "Process")]
public sealed class NotebookCommandTests
{
    private const string Start = """{"cells": [{"cell_type": "code", "execution_count": null, "metadata": {}, "outputs": [], "source": """;
    private const string End = """}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}""";

    [Fact]
    public async Task A_notebook_runs_in_its_folder_and_keeps_console_output()
    {
        using CommandFolder f = new();
        Directory.CreateDirectory(Path.Combine(f.Folder, "sub"));
        f.Write("sub/a.ipynb", Start + "\"Console.WriteLine(Path.GetFileName(Environment.CurrentDirectory)); Print(Path.GetFileName(ScriptFolder));\"" + End);
        (int code, string output, string error) = await f.Run("notebook", "run", "sub/a.ipynb");
        Assert.Equal((0, $"{f.Folder}/sub/a.ipynb: 1 cells\n", ""), (code, output, error));
        Assert.Equal("""["sub\n","sub\n"]""", Outputs(f, "sub/a.ipynb")[0]!["text"]!.ToJsonString());
    }

    [Fact]
    public async Task A_failing_cell_ends_with_one_line_and_its_error_in_the_output()
    {
        using CommandFolder f = new CommandFolder().Write("a.ipynb", Start + "\"throw new ApertureException(\\\"on purpose\\\");\"" + End);
        string before = File.ReadAllText(Path.Combine(f.Folder, "a.ipynb"));
        (int code, _, string error) = await f.Run("notebook", "run", "a.ipynb", "--output", "b.ipynb");
        Assert.Equal((1, $"error: {f.Folder}/a.ipynb, cell 1: ApertureException: on purpose\n"), (code, error));
        Assert.Equal("on purpose", (string?)Outputs(f, "b.ipynb")[0]!["evalue"]);
        Assert.Equal(before, File.ReadAllText(Path.Combine(f.Folder, "a.ipynb")));
        Assert.StartsWith("error: There is no notebook 'no.ipynb'", (await f.Run("notebook", "run", "no.ipynb")).Error);
    }

    private static JsonArray Outputs(CommandFolder f, string name)
        => JsonNode.Parse(File.ReadAllText(Path.Combine(f.Folder, name)))!["cells"]![0]!["outputs"]!.AsArray();
}
