using Aperture.Requests;
using Aperture.Scheduling;

namespace Aperture.Scripting;

/// <summary>
/// What every script can use without a prefix. Front ends derive from it and add their own members; the members must be public, and so must the type.
/// </summary>
public class ScriptGlobals(IScriptDisplay display)
{
    /// <summary>The arguments after <c>--</c> on the command line.</summary>
    public IReadOnlyList<string> Args { get; init; } = [];

    /// <summary>
    /// Fires at the first Ctrl+C, for the entry that asks and what it has started. The engine's long work ends with it unasked; loops of the script's own may
    /// check it.
    /// </summary>
    public CancellationToken Cancellation => WorkScope.Current?.Stop ?? CancellationToken.None;

    /// <summary>The folder of the running script file, or the current folder in cells. Paths beside the script start here.</summary>
    public string ScriptFolder { get; internal set; } = Environment.CurrentDirectory;

    /// <summary>The variables of the session.</summary>
    public IReadOnlyList<ScriptVariable> Variables => Session?.Variables ?? [];

    /// <summary>The variables that hold objects of plugins that have been unloaded.</summary>
    protected IReadOnlyList<ScriptVariable> RetiredVariables => Session?.RetiredVariables ?? [];

    internal ScriptSession? Session { get; set; }

    /// <summary>Where <see cref="Print"/> and <see cref="Show"/> go.</summary>
    protected internal IScriptDisplay Display { get; } = display;

    /// <summary>Writes a value as one line of text.</summary>
    public void Print(object? value = null) => Display.Print(value is null ? "" : Display.Formatter.Format(value).Text);

    /// <summary>Shows a value in the richest form the place has: a picture, a table, else text.</summary>
    public void Show(object? value) => Display.Show(value);

    /// <summary>Shows a value that will change, e.g. <c>using (var live = ShowLive("0 %")) { …; live.Update("50 %"); }</c>.</summary>
    public ILiveDisplay ShowLive(object? value) => Display.ShowLive(value);

    /// <summary>Shows a bar for counted work. Hand it to what takes an <see cref="IProgress{T}"/>, or report counts to it in a loop.</summary>
    /// <param name="what">What is counted.</param>
    /// <param name="total">How many there are.</param>
    public IProgress<int> Progress(string what, int total) => new LiveProgress(Display, what, total);

    /// <summary>Removes what the running cell of a notebook has shown; elsewhere nothing happens.</summary>
    /// <param name="wait">Whether to wait for the next output, so that nothing flickers.</param>
    public void ClearOutput(bool wait = false) => Display.Clear(wait);

    /// <summary>Turns values into what is shown; <c>Formatter.Add&lt;T&gt;(…)</c> teaches it a type.</summary>
    public ValueFormatter Formatter => Display.Formatter;
}
