using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Aperture.Host.Tests.Cli;
using Aperture.Jupyter;
using Aperture.Plugins;

namespace Aperture.Host.Tests.Jupyter;

/// <summary>The notebooks of the repository as a code host shows them: .ci/run executes them.</summary>
public partial class ShippedNotebookTests
{
    public static TheoryData<string> Notebooks => [.. Directory.EnumerateFiles(Folder(), "*.ipynb").Select(file => Path.GetFileName(file)).Order()];

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void Every_cell_was_run_in_order_and_none_failed(string name)
    {
        string path = Path.Combine(Folder(), name);
        Assert.NotEmpty(NotebookFile.Read(path).Cells);
        JsonNode[] cells = Code(JsonNode.Parse(File.ReadAllText(path))!);
        Assert.Equal(Enumerable.Range(1, cells.Length), cells.Select(c => (int?)c["execution_count"] ?? 0));
        Assert.All(cells.SelectMany(c => c["outputs"]!.AsArray()), output => Assert.NotEqual("error", (string?)output!["output_type"]));
        Assert.Contains(cells, c => c["outputs"]!.AsArray().Any(o => o!["data"]?["image/png"] is not null));
    }

    // Whatever each notebook opens, from a notebook alone in an empty folder; .ci/run runs whole copies there.
    [Theory]
    [MemberData(nameof(Notebooks))]
    [Trait("Category", "Process")]
    public async Task A_copy_finds_its_files(string name)
    {
        JsonNode notebook = JsonNode.Parse(File.ReadAllText(Path.Combine(Folder(), name)))!;
        string[] lines = [.. Code(notebook).SelectMany(cell => cell["source"]!.AsArray().Select(line => (string)line!))];
        string[] opening = [.. lines.Where(line => line.StartsWith("var ", StringComparison.Ordinal) && Opening().IsMatch(line))];
        Assert.True(opening.Length > 0, $"{name} opens nothing.");
        JsonObject cell = new()
        {
            ["cell_type"] = "code",
            ["execution_count"] = null,
            ["metadata"] = new JsonObject(),
            ["outputs"] = new JsonArray(),
            ["source"] = string.Concat(opening),
        };
        notebook["cells"] = new JsonArray(cell);
        using CommandFolder folder = new CommandFolder().Write(name, notebook.ToJsonString());

        Assert.Equal((0, $"{folder.Folder}/{name}: 1 cells\n", ""), await folder.Run("notebook", "run", name));
    }

    // Methods that stand beside others in every comparison stand in every notebook, and need none of their own.
    [Fact]
    public async Task Every_shipped_method_has_a_notebook()
    {
        await using PluginHost plugins = new(PluginCatalog.Read());
        string[] wanted =
        [
            .. plugins.LoadAll(
                out IReadOnlyList<PluginFailure> failures).Where(method => method.BaselineOption is null).Select(method => method.Plugin).Distinct(),
        ];

        Assert.Empty(failures);
        Assert.NotEmpty(wanted);
        Assert.Empty(wanted.Except(Directory.EnumerateFiles(Folder(), "*.ipynb").Select(file => Path.GetFileNameWithoutExtension(file))));
    }

    private static string Folder() => Repository.Path("scripts", "notebooks");

    private static JsonNode[] Code(JsonNode notebook)
        => [.. notebook["cells"]!.AsArray().Where(cell => (string?)cell!["cell_type"] == "code").Select(cell => cell!)];

    [GeneratedRegex(@"\b(Models|Images|Questions|Tasks)\.(Load|Sample)(<\w+>)?\(")]
    private static partial Regex Opening();
}
