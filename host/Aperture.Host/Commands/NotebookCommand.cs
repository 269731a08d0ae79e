using System.CommandLine;
using Aperture.Jupyter;
using Aperture.Scripting;

namespace Aperture.Host.Commands;

/// <summary><c>aperture notebook run FILE.ipynb</c>: runs a notebook without Jupyter and writes its outputs back.</summary>
internal static class NotebookCommand
{
    public static Command Create(CommandContext context) => new("notebook", "Use notebooks without Jupyter.") { Run(context) };

    private static Command Run(CommandContext context)
    {
        Argument<string> file = new("notebook") { Description = "The notebook (.ipynb); its cells start in its folder." };
        Option<string?> output = new("--output") { Description = "Write the notebook with its outputs here instead of over itself.", HelpName = "file" };
        Option<bool> goOn = new("--allow-errors") { Description = "Go on after a cell that fails." };
        Command command = new("run", "Run the cells of a notebook in order and keep their outputs; 1 if a cell fails.") { file, output, goOn };
        command.SetAction((parsed, token) =>
        {
            NotebookFile notebook = NotebookFile.Read(parsed.GetRequiredValue(file));
            return RunAsync(context, parsed, notebook, Path.GetFullPath(parsed.GetValue(output) ?? notebook.Path), parsed.GetValue(goOn), token);
        });
        return command;
    }

    private static async Task<int> RunAsync(
        CommandContext context, ParseResult parsed, NotebookFile notebook, string output, bool goOn, CancellationToken cancellationToken)
    {
        if (context.Compute.Threads(parsed) is not null)
        {
            context.Compute.Open(parsed);
        }

        Environment.CurrentDirectory = Path.GetDirectoryName(notebook.Path)!;
        CellDisplay display = new();
        ScriptEnvironment environment = ScriptEnvironment.Create(context, parsed, [], display);
        await using HostGlobals globals = environment.Globals;
        using ScriptSession session = environment.StartSession();
        using ScriptInterrupt interrupt = new ScriptInterrupt(cancellationToken);
        using IDisposable taken = context.CtrlC.Handle(() => RunCommand.Interrupted(context.Terminal, interrupt));
        NotebookRun run;
        using (new ConsoleCapture(display))
        {
            run = await Progressing.RunAsync(
                context.Terminal,
                Path.GetFileName(notebook.Path),
                notebook.Cells.Count,
                progress => NotebookRunner.RunAsync(notebook, session, display, goOn, interrupt, progress).GetAwaiter().GetResult()).ConfigureAwait(false);
        }

        notebook.Write(output);
        WarnOfOthers(context.Terminal, notebook);
        if (interrupt.Requested.IsCancellationRequested)
        {
            context.Terminal.Error.WriteLine("Cancelled.");
            return ErrorReport.Interrupted;
        }

        if (run.Failure is { } failure)
        {
            context.Terminal.Fail($"{notebook.Path}, {failure}");
            return ErrorReport.Failed;
        }

        context.Terminal.Output.WriteLine($"{output}: {run.Cells} cells");
        return 0;
    }

    // What a notebook holds besides C# is left as it stands, and said once.
    private static void WarnOfOthers(Terminal terminal, NotebookFile notebook)
    {
        string[] others = [.. notebook.Cells.Index().Where(cell => cell.Item.Skipped.Count > 0)
            .Select(cell => $"code cell {cell.Index + 1} ({string.Join(", ", cell.Item.Skipped)})")];
        if (others.Length > 0)
        {
            terminal.Warn($"only C# was run; left out: {string.Join(", ", others)}");
        }
    }
}
