using Aperture.Host.Tests.Plugins;
using Aperture.Tasks;

namespace Aperture.Host.Tests.Cli;

[Trait("Category", "Process")]
public sealed class TasksCommandTests : IDisposable
{
    private readonly CommandFolder _folder = new() { Environment = { ["COLUMNS"] = "500" } };
    private readonly PluginSandbox _sandbox = new();

    public void Dispose()
    {
        _sandbox.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task List_shows_architecture_task_plugin_and_what_it_recognises()
    {
        (int code, string output, string error) = await _folder.Run("tasks", "list", "--plugin", _sandbox.Add("Tasks"));

        Assert.Equal((0, ""), (code, error));
        Assert.Contains(Lines(output), line => line is ["meter", "classifier", "eas", .., "yes"]);
        Assert.Contains(Lines(output), line => line is ["stencil", "segmenter", "tasks", "A folder with stencil.json.", ""]);
    }

    [Fact]
    public async Task List_names_what_does_not_load_and_ends_with_one()
    {
        _sandbox.Add("Mistasked");
        _folder.Write("plugins.json", $$"""{ "plugins": [{ "id": "odd", "folder": "{{_sandbox.Folder}}/Mistasked" }] }""");

        (int code, _, string error) = await _folder.Run("tasks", "list", "--file", ".");

        Assert.Equal(1, code);
        Assert.StartsWith("error: Plugin 'odd': a task is registered as ITaskFactory<…>", error);
    }

    [Fact]
    public async Task Plugins_list_shows_tasks_beside_methods()
    {
        _sandbox.Add("Tasks");
        _folder.Write("plugins.json", $$"""{ "plugins": [{ "id": "mine", "folder": "{{_sandbox.Folder}}/Tasks" }] }""");

        (int code, string output, _) = await _folder.Run("plugins", "list", "--file", ".");

        Assert.Equal(0, code);
        Assert.Contains(Lines(output), line => line is ["mine", "loads", "shade (classifier)", "Tells bright pictures from dark ones."]);
        Assert.Contains(Lines(output), line => line is ["", "", "stencil (segmenter)", ..]);
    }

    [Fact]
    public async Task A_script_loads_asks_and_lists()
    {
        string plugin = _sandbox.Add("Tasks");
        string folder = Directory.CreateDirectory(Path.Combine(_folder.Folder, "stencil")).FullName;
        File.WriteAllText(Path.Combine(folder, "stencil.json"), "plain");
        Aperture.Images.Image.Filled(5, 3, 9, 9, 9).SavePng(Path.Combine(_folder.Folder, "photo.png"));
        _folder.Write("ask.csx", """
            var stencil = await Tasks.Load<ISegmenter>("stencil");
            var found = stencil.Segment(Images.Load("photo.png"), new SegmentPrompt { Points = [new PromptPoint(1, 1)] });
            Print($"{found.Value[0].Mask.Area} pixels, {found.Measure.Milliseconds.Count} stage");
            Print(string.Join(" ", Tasks.List.Where(task => task.Plugin == "tasks").Select(task => task.Name)));
            """);

        (int code, string output, string error) = await _folder.Run("run", "ask.csx", "--plugin", plugin);

        Assert.Equal((0, "", "15 pixels, 1 stage\nshade twin stencil\n"), (code, error, output));
    }

    // The cells of a table whose rows are not broken; the line below the heads tells where columns begin.
    private static string[][] Lines(string table)
    {
        string[] lines = table.Split('\n');
        string[] widths = [.. lines.First(line => line.StartsWith('─')).Split("  ")];
        int[] starts = [.. widths.Select((_, column) => widths.Take(column).Sum(width => width.Length + 2))];
        return [.. lines.Select(line => starts.Select((start, column) => new string([.. line.Skip(start).Take(widths[column].Length)]).Trim()).ToArray())];
    }
}
