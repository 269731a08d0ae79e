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
        foreach (JsonNode? cell in before["cells"]!.AsArray().Concat(after["cells"]!.AsArray()))
        {
            ((JsonObject)cell!).Remove("outputs");
            ((JsonObject)cell).Remove("execution_count");
        }

        Assert.Equal(before["cells"]!.ToJsonString(), after["cells"]!.ToJsonString());
    }

    [Fact]
    public async Task A_failing_cell_ends_the_run_with_its_error_kept_and_later_outputs_as_they_were()
    {
        JsonNode notebook = Notebook(Code("throw new ApertureException(\\\"on purpose\\\");"), Code("2"));
        notebook["cells"]![1]!["outputs"] = new JsonArray(new JsonObject { ["output_type"] = "stream", ["name"] = "stdout", ["text"] = "old" });
        (NotebookRun run, JsonNode after) = await Run(notebook);
        Assert.Equal(new NotebookRun(1, "cell 1: ApertureException: on purpose"), run);
        Assert.Equal("on purpose", (string?)after["cells"]![0]!["outputs"]![0]!["evalue"]);
        Assert.Equal("old", (string?)after["cells"]![1]!["outputs"]![0]!["text"]);

        (run, after) = await Run(notebook, goOn: true);
        Assert.Equal(new NotebookRun(2, "cell 1: ApertureException: on purpose"), run);
        Assert.Single(after["cells"]![1]!["outputs"]!.AsArray());
    }

    // A notebook with everything that a writer could spell anew, in a layout of its own.
    private const string Odd = "\uFEFF{\r\n  \"cells\": [\r\n    {\r\n      \"source\": [ \"1 + 1\" ],\r\n      \"execution_count\": 7,"
        + "\r\n      \"outputs\": [ 1.50 ],\r\n      \"cell_type\": \"code\", \"metadata\": {}\r\n    },"
        + "\r\n    { \"cell_type\": \"markdown\", \"source\": \"👟 \u2028 \u00A0 \u007F \\u00e9 \\/\" },"
        + "\r\n    { \"cell_type\": \"code\", \"metadata\": {\"tags\": [\"skip-execution\"]}, \"outputs\":[ ] , \"source\": \"x\" }\r\n  ],\r\n"
        + "  \"metadata\": { \"x\": 1.0, \"z\": 12345678901234567890 }, \"nbformat\": 4, \"nbformat_minor\": 5\r\n}";

    [Fact]
    public async Task What_did_not_run_stays_byte_for_byte()
    {
        string after = await RunText(Odd);
        Assert.Equal(
            Odd.Replace("\"execution_count\": 7", "\"execution_count\": 1", StringComparison.Ordinal).Replace(
                "[ 1.50 ]",
                "[\r\n        {\r\n          \"data\": {\r\n            \"text/plain\": [\r\n              \"2\"\r\n            ]\r\n          },"
                + "\r\n          \"execution_count\": 1,"
                + "\r\n          \"metadata\": {},\r\n          \"output_type\": \"execute_result\"\r\n        }\r\n      ]",
                StringComparison.Ordinal),
            after);
    }

    [Fact]
    public async Task What_ran_is_written_as_Jupyter_writes_it()
    {
        const string Cell = "{\"cells\": [{\"cell_type\": \"code\", \"metadata\": {}, \"source\": \"Print(\\\"👟 \\u00A0\\\\ud83d\\\\u0001\\\")\"";
        string after = await RunText(Cell + "}], \"metadata\": {}, \"nbformat\": 4}");
        Assert.Equal(
            Cell + ", \"execution_count\": 1, \"outputs\": "
            + "[{\"name\": \"stdout\", \"output_type\": \"stream\", \"text\": [\"👟 \u00A0\uFFFD\\u0001\\n\"]}]}], \"metadata\": {}, \"nbformat\": 4}",
            after);
    }

    [Theory]
    [InlineData("#!csharp\n1", "{}", "\n1", "")]
    [InlineData("1\n#!pwsh\nGet-Date\n#!c#\n2", "{}", "1\n\n\n\n2", "pwsh")]
    [InlineData("#!markdown\n# Title", "{}", "", "")]
    [InlineData("Get-Date", "{\"polyglot_notebook\": {\"kernelName\": \"pwsh\"}}", "", "pwsh")]
    [InlineData("#!fsharp\nlet x = 1", "{\"dotnet_interactive\": {\"language\": \"csharp\"}}", "", "fsharp")]
    [InlineData("#!time\n1", "{}", "#!time\n1", "")]
    public void Cells_of_other_kernels_are_named_and_left_out(string source, string metadata, string code, string skipped)
    {
        JsonObject written = new() { ["cell_type"] = "code", ["metadata"] = JsonNode.Parse(metadata), ["source"] = source };
        JsonObject root = (JsonObject)Notebook(written.ToJsonString());
        root["metadata"]!["language_info"] = new JsonObject { ["name"] = "polyglot-notebook" };
        NotebookCell cell = NotebookFile.Read(Write(root.ToJsonString())).Cells[0];
        Assert.Equal((code, skipped), (cell.Source, string.Join(", ", cell.Skipped)));
    }

    [Fact]
    public async Task An_exception_on_a_thread_of_the_cells_own_is_its_error_and_the_session_lives()
    {
        (NotebookRun run, JsonNode after) = await Run(
            Notebook(
                Code("var kept = 41;"),
                Code("var t = new System.Threading.Thread(() => throw new Exception(\\\"of a thread\\\")); t.Start(); t.Join();"),
                Code("var timer = new System.Threading.Timer(_ => throw new Exception(\\\"of a timer\\\"), null, 1, -1); System.Threading.Thread.Sleep(300);"),
                Code("kept + 1")),
            goOn: true);
        Assert.Equal("cell 2: Exception: of a thread", run.Failure);
        Assert.Equal(4, run.Cells);
        Assert.Equal("of a thread", (string?)after["cells"]![1]!["outputs"]![0]!["evalue"]);
        Assert.Equal("of a timer", (string?)after["cells"]![2]!["outputs"]![0]!["evalue"]);
        Assert.Equal("42", (string?)after["cells"]![3]!["outputs"]![0]!["data"]!["text/plain"]![0]);
    }

    [Fact]
    public void Changed_notebooks_are_read_or_refused_in_one_line_and_written_as_they_stand() => Fuzz.Run(
        [System.Text.Encoding.UTF8.GetBytes(Odd), System.Text.Encoding.UTF8.GetBytes(Notebook(Markdown("# a"), Code("1"), Code("#!pwsh\\n2")).ToJsonString())],
        file =>
        {
            string path = Path.Combine(_folder, "changed.ipynb"), written = Path.Combine(_folder, "written.ipynb");
            File.WriteAllBytes(path, file);
            NotebookFile notebook = NotebookFile.Read(path);
            notebook.Write(written);
            Assert.Equal(file, File.ReadAllBytes(written));
            foreach (NotebookCell cell in notebook.Cells)
            {
                cell.SetOutputs(1, [1, "\ud800"]);
            }

            notebook.Write(written);
            Assert.Equal(notebook.Cells.Count, NotebookFile.Read(written).Cells.Count);
        },
        isText: true);

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

    private Task<(NotebookRun Run, JsonNode After)> Run(JsonNode notebook, bool goOn = false) => Run(notebook.ToJsonString(), goOn);

    private async Task<(NotebookRun Run, JsonNode After)> Run(string notebook, bool goOn)
    {
        NotebookFile file = NotebookFile.Read(Write(notebook));
        CellDisplay display = new();
        using ScriptSession session = new(typeof(KernelGlobals), new KernelGlobals(display), new ScriptSessionOptions
        {
            CacheFolder = null,
            WatchesThreads = true,
            OnBackgroundError = display.TellBackgroundError,
        });
        using ScriptInterrupt interrupt = new();
        NotebookRun run = await NotebookRunner.RunAsync(file, session, display, goOn, interrupt);
        string output = Path.Combine(_folder, "out.ipynb");
        file.Write(output);
        return (run, JsonNode.Parse(File.ReadAllText(output))!);
    }

    private async Task<string> RunText(string notebook)
    {
        await Run(notebook, goOn: false);
        return System.Text.Encoding.UTF8.GetString(File.ReadAllBytes(Path.Combine(_folder, "out.ipynb")));
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
