namespace Aperture.Jupyter;

/// <summary>Why a cell failed.</summary>
/// <param name="Name">The kind of failure: a type name, <c>CompileError</c> or <c>Interrupted</c>.</param>
/// <param name="Value">What happened, on one line.</param>
/// <param name="Traceback">Lines to show, the failure first; colours as ANSI sequences.</param>
internal sealed record CellError(string Name, string Value, IReadOnlyList<string> Traceback);
