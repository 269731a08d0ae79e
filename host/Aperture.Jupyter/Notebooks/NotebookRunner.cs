using System.Text.Json.Nodes;
using Aperture.Scripting;

namespace Aperture.Jupyter;

/// <summary>Runs the cells of a notebook file without Jupyter, as its kernel would.</summary>
public static class NotebookRunner
{
    /// <summary>Runs the code cells in order and puts their outputs into the notebook; the file is not written.</summary>
    /// <param name="notebook">The notebook.</param>
    /// <param name="session">Runs the cells; not owned.</param>
    /// <param name="display">The display that the session's globals print to.</param>
    /// <param name="goOn">Whether cells after one that failed still run.</param>
    /// <param name="interrupt">Stops the running cell and the run.</param>
    /// <param name="progress">Told how many cells have run; null for nobody.</param>
    /// <returns>How many cells ran, and the first failure of a cell that was not there to fail.</returns>
    public static async Task<NotebookRun> RunAsync(
        NotebookFile notebook, ScriptSession session, CellDisplay display, bool goOn, ScriptInterrupt interrupt, IProgress<int>? progress = null)
    {
        CellRunner runner = new(session, display);
        Dictionary<string, List<JsonObject>> shown = [];
        int count = 0;
        string? failure = null;
        for (int i = 0; i < notebook.Cells.Count && !interrupt.Requested.IsCancellationRequested; i++)
        {
            NotebookCell cell = notebook.Cells[i];
            if (!cell.IsSkipped && !string.IsNullOrWhiteSpace(cell.Source))
            {
                NotebookOutputs outputs = new(shown);
                (CellError? error, _) = await runner.RunAsync(cell.Source, ++count, outputs, interrupt).ConfigureAwait(false);
                cell.SetOutputs(count, outputs.End());
                error ??= display.TakeBackgroundError();
                if (error is not null && !cell.MayFail)
                {
                    failure ??= $"cell {count}: {error.Name}: {error.Value}";
                    if (!goOn)
                    {
                        break;
                    }
                }
            }

            progress?.Report(i + 1);
        }

        // A thread may throw when its cell has ended: whoever comes last must not pass it over.
        if (display.TakeBackgroundError() is { } late)
        {
            failure ??= $"behind cell {count}: {late.Name}: {late.Value}";
        }

        return new NotebookRun(count, failure);
    }
}
