using Aperture.Scripting;

namespace Aperture.Jupyter;

/// <summary>Runs cells one after the other in a script session and turns how they end into outputs: what a kernel and a notebook file have in common.</summary>
internal sealed class CellRunner
{
    private readonly ScriptSession _session;
    private readonly CellDisplay _display;
    private readonly CellTraceback _traceback = new();

    /// <summary>Runs cells in a session.</summary>
    /// <param name="session">The session; not owned.</param>
    /// <param name="display">The display that the session's globals print to.</param>
    public CellRunner(ScriptSession session, CellDisplay display)
    {
        (_session, _display) = (session, display);
        display.Describe = error => _traceback.Describe(new ScriptResult.RuntimeError(error, "", 0));
    }

    /// <summary>What cells print to and read from.</summary>
    public CellDisplay Display => _display;

    /// <summary>Runs a cell.</summary>
    /// <param name="code">C# text.</param>
    /// <param name="count">The cell's number; errors name the cell by it.</param>
    /// <param name="output">Gets everything the cell shows, its last value and its error.</param>
    /// <param name="interrupt">Stops it.</param>
    /// <returns>The error, or null and the text of the last value.</returns>
    public async Task<(CellError? Error, string? Result)> RunAsync(string code, int count, ICellOutput output, ScriptInterrupt interrupt)
    {
        _display.Output = output;
        string name = $"cell {count}";
        _traceback.Remember(name, code);
        ScriptResult result = await _session.RunAsync(ScriptSource.FromText(MethodDirective.Expand(code), name), interrupt).ConfigureAwait(false);
        if (result is not ScriptResult.Value { Result: var value })
        {
            CellError error = _traceback.Describe(result);
            output.Error(error);
            return (error, null);
        }

        if (value is null)
        {
            return (null, null);
        }

        if (Render(value, out CellError? unrenderable) is not { } bundle)
        {
            output.Error(unrenderable!);
            return (unrenderable, null);
        }

        output.Result(bundle, count);
        return (null, bundle.Text);
    }

    /// <summary>Evaluates an expression that is no cell; its value or error is returned, not shown.</summary>
    public async Task<(CellError? Error, MimeBundle? Value)> EvaluateAsync(string expression, ScriptInterrupt interrupt)
    {
        ScriptResult result = await _session.RunAsync(ScriptSource.FromText(expression, "expression"), interrupt).ConfigureAwait(false);
        if (result is not ScriptResult.Value { Result: var value })
        {
            return (_traceback.Describe(result), null);
        }

        MimeBundle? bundle = Render(value, out CellError? error);
        return (error, bundle);
    }

    // A value is shown through its own ToString and properties: what they throw is the cell's failure.
    private MimeBundle? Render(object? value, out CellError? error)
    {
        try
        {
            error = null;
            return _display.Forms(value);
        }
        catch (Exception e)
        {
            error = _traceback.Describe(new ScriptResult.RuntimeError(e, "", 0));
            return null;
        }
    }
}
