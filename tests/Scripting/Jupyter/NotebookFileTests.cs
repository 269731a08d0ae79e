using System.Text.Json.Nodes;
using Aperture.Jupyter;
using Aperture.Pipelines;
using Aperture.Scripting;

namespace Aperture.Scripting.Tests.Jupyter;

public sealed class NotebookFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-notebook-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("", "is not valid JSON")]
    [InlineData("{", "is not valid JSON")]
    [InlineData("[]", "is no JSON object")]
    [InlineData("{}", "has format unknown")]
    [InlineData("""{"nbformat": 3, "worksheets": []}""", "has format 3")]
    [InlineData("""{"nbformat": "4"}""", "has format unknown")]
    [InlineData("""{"nbformat": 4}""", "lacks 'metadata' or 'cells'")]
    [InlineData("""{"nbformat": 4, "metadata": [], "cells": {}}""", "lacks 'metadata' or 'cells'")]
    [InlineData("""{"nbformat": 4, "nbformat": 4, "metadata": {}, "cells": []}""", "is not valid JSON")]
    [InlineData("""{"nbformat": 4, "metadata": {"kernelspec": {"language": "python"}}, "cells": []}""", "is written in python, not in C#")]
    [InlineData("""{"nbformat": 4, "metadata": {}, "cells": [1]}""", "cell 1: it has no 'cell_type'")]
    [InlineData("""{"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "code"}]}""", "cell 1: its 'source' is neither")]
    [InlineData("""{"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "code", "source": ["a", 2]}]}""", "cell 1: its 'source' is neither")]
    [InlineData("""{"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "code", "source": "\ud800"}]}""", "is not valid JSON")]
    public void A_file_that_is_no_notebook_is_one_clear_line(string text, string reason)
    {
        string path = Write(text);
        Assert.Contains(reason, Assert.Throws<ApertureException>(() => NotebookFile.Read(path)).Message);
        Assert.Equal(text, File.ReadAllText(path));
    }

    [Fact]
    public void Nesting_without_end_is_refused_and_a_missing_file_is_named()
    {
        string path = Write(new string('[', 100_000));
        Assert.Contains("is not valid JSON", Assert.Throws<ApertureException>(() => NotebookFile.Read(path)).Message);
        Assert.StartsWith("There is no notebook 'no.ipynb'", Assert.Throws<ApertureException>(() => NotebookFile.Read("no.ipynb")).Message);
    }

    [Fact]
    public async Task A_run_replaces_outputs_and_keeps_everything_else()
    {
        JsonNode before = Notebook(
            Markdown("# Title"), Code("Print(1);\\nPrint(2); Show(3)", "\"id\": \"abc\", \"mine\": {\"x\": [1.50]},"), Code("  "), Code("\\\"end\\\""));
        (NotebookRun run, JsonNode after) = await Run(before);
        Assert.Equal(new NotebookRun(2, null), run);
        JsonNode first = after["cells"]![1]!;
        Assert.Equal(
            """[{"name":"stdout","output_type":"stream","text":["1\n","2\n"]},{"data":{"text/plain":["3"]},"metadata":{},"output_type":"display_data"}]""",
            first["outputs"]!.ToJsonString());
        Assert.Equal(
            """[{"data":{"text/plain":["end"]},"execution_count":2,"metadata":{},"output_type":"execute_result"}]""",
            after["cells"]![3]!["outputs"]!.ToJsonString());
        Assert.Equal(
            ("C#", "text/x-csharp"), ((string?)after["metadata"]!["kernelspec"]!["language"], (string?)after["metadata"]!["language_info"]!["mimetype"]));
        foreach (JsonNode? cell in before["cells"]!.AsArray().Concat(after["cells"]!.AsArray()))
        {
            ((JsonObject)cell!).Remove("outputs");
            ((JsonObject)cell).Remove("execution_count");
        }

        Assert.Equal(before["cells"]!.ToJsonString(), after["cells"]!.ToJsonString());
    }

    [Fact]
    public async Task A_failing_cell_ends_the_run_with_its_error_kept_and_later_outputs_gone()
    {
        JsonNode notebook = Notebook(Code("throw new ApertureException(\\\"on purpose\\\");"), Code("2"));
        notebook["cells"]![1]!["outputs"] = new JsonArray(new JsonObject { ["output_type"] = "stream", ["name"] = "stdout", ["text"] = "old" });
        (NotebookRun run, JsonNode after) = await Run(notebook);
        Assert.Equal(new NotebookRun(1, "cell 1: ApertureException: on purpose"), run);
        Assert.Equal("on purpose", (string?)after["cells"]![0]!["outputs"]![0]!["evalue"]);
        Assert.Empty(after["cells"]![1]!["outputs"]!.AsArray());

        (run, after) = await Run(notebook, goOn: true);
        Assert.Equal(new NotebookRun(2, "cell 1: ApertureException: on purpose"), run);
        Assert.Single(after["cells"]![1]!["outputs"]!.AsArray());
    }

    [Fact]
    public async Task Tags_let_a_cell_fail_or_leave_it_out()
    {
        JsonNode notebook = Notebook(Code("throw new Exception();", tags: "raises-exception"), Code("Print(\\\"never\\\")", tags: "skip-execution"), Code("5"));
        (NotebookRun run, JsonNode after) = await Run(notebook);
        Assert.Equal(new NotebookRun(2, null), run);
        Assert.Empty(after["cells"]![1]!["outputs"]!.AsArray());
    }

    [Fact]
    public async Task Live_values_and_cleared_outputs_end_as_they_were_last_seen()
    {
        (_, JsonNode after) = await Run(Notebook(
            Code("var live = ShowLive(1); Print(\\\"x\\\");"),
            Code("live.Update(2);"),
            Code("Print(\\\"gone\\\"); ClearOutput(wait: true); Print(\\\"stays\\\");"),
            Code("Print(\\\"stays too\\\"); ClearOutput(wait: true);"),
            Code("Print(\\\"gone\\\"); ClearOutput();")));
        Assert.Equal("2", (string?)after["cells"]![0]!["outputs"]![0]!["data"]!["text/plain"]![0]);
        Assert.Equal("stays\n", (string?)after["cells"]![2]!["outputs"]![0]!["text"]![0]);
        Assert.Single(after["cells"]![3]!["outputs"]!.AsArray());
        Assert.Empty(after["cells"]![4]!["outputs"]!.AsArray());
    }

    [Fact]
    public void A_notebook_that_cannot_be_written_leaves_the_old_one()
    {
        NotebookFile notebook = NotebookFile.Read(Write(Notebook().ToJsonString()));
        Assert.Contains("cannot be written", Assert.Throws<ApertureException>(() => notebook.Write(Path.Combine(_folder, "missing", "x.ipynb"))).Message);
        Assert.Single(Directory.GetFiles(_folder));
    }

    private async Task<(NotebookRun Run, JsonNode After)> Run(JsonNode notebook, bool goOn = false)
    {
        NotebookFile file = NotebookFile.Read(Write(notebook.ToJsonString()));
        CellDisplay display = new();
        using ScriptSession session = new(typeof(KernelGlobals), new KernelGlobals(display), new ScriptSessionOptions { CacheFolder = null });
        using ScriptInterrupt interrupt = new();
        NotebookRun run = await NotebookRunner.RunAsync(file, session, display, goOn, interrupt);
        string output = Path.Combine(_folder, "out.ipynb");
        file.Write(output);
        return (run, JsonNode.Parse(File.ReadAllText(output))!);
    }

    private string Write(string text)
    {
        string path = Path.Combine(_folder, "in.ipynb");
        File.WriteAllText(path, text);
        return path;
    }

    private static JsonNode Notebook(params string[] cells)
        => JsonNode.Parse($$"""{"cells": [{{string.Join(',', cells)}}], "metadata": {"mine": true}, "nbformat": 4, "nbformat_minor": 5}""")!;

    private static string Markdown(string text) => $$"""{"cell_type": "markdown", "metadata": {}, "source": "{{text}}"}""";

    private static string Code(string source, string more = "", string? tags = null)
        => $$"""{"cell_type": "code", {{more}} "execution_count": null, "metadata": { {{(tags is null ? "" : $"\"tags\": [\"{tags}\"]")}} }, "outputs": [], "source": ["{{source}}"]}""";
}
