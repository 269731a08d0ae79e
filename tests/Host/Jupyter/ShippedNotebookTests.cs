using System.Text.Json.Nodes;
using Aperture.Host.Tests.Data;
using Aperture.Jupyter;
using Aperture.Plugins;

namespace Aperture.Host.Tests.Jupyter;

/// <summary>The notebooks of the repository as a code host shows them: .ci/run executes them.</summary>
public class ShippedNotebookTests
{
    public static TheoryData<string> Notebooks => [.. Directory.EnumerateFiles(Folder(), "*.ipynb").Select(file => Path.GetFileName(file)).Order()];

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void Every_cell_was_run_in_order_and_none_failed(string name)
    {
        string path = Path.Combine(Folder(), name);
        Assert.NotEmpty(NotebookFile.Read(path).Cells);
        JsonNode[] cells = [.. JsonNode.Parse(File.ReadAllText(path))!["cells"]!.AsArray().Where(c => (string?)c!["cell_type"] == "code").Select(c => c!)];
        Assert.Equal(Enumerable.Range(1, cells.Length), cells.Select(c => (int?)c["execution_count"] ?? 0));
        Assert.All(cells.SelectMany(c => c["outputs"]!.AsArray()), output => Assert.NotEqual("error", (string?)output!["output_type"]));
        Assert.Contains(cells, c => c["outputs"]!.AsArray().Any(o => o!["data"]?["image/png"] is not null));
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
}
