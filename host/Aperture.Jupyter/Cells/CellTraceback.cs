using System.Collections.Concurrent;
using System.Diagnostics;
using System.Reflection;
using Aperture.Natives;
using Aperture.Pipelines;
using Aperture.Scripting;
using Aperture.Tasks;

namespace Aperture.Jupyter;

/// <summary>Tells why a cell failed: what, then where, with the lines of the cells that led there.</summary>
internal sealed class CellTraceback
{
    private const string Red = "\u001b[31m";
    private const string Plain = "\u001b[0m";
    private readonly ConcurrentDictionary<string, string[]> _lines = new(StringComparer.Ordinal); // Threads of cells fail while others are remembered.

    /// <summary>Keeps the text of a cell, for excerpts.</summary>
    public void Remember(string name, string code) => _lines[name] = code.Split('\n');

    /// <summary>Describes a result that is not a value.</summary>
    public CellError Describe(ScriptResult result) => result switch
    {
        ScriptResult.CompileError error => Compile(error),
        ScriptResult.RuntimeError error => Runtime(error.Exception),
        ScriptResult.Cancelled
            => new CellError(
                "Interrupted", "The cell was interrupted.", [$"{Red}Interrupted{Plain}: the cell was stopped before its end; what it had assigned is kept."]),
        _ => throw new ArgumentException($"A {result.GetType().Name} is no failure.", nameof(result)),
    };

    private CellError Compile(ScriptResult.CompileError error)
    {
        List<string> lines = [];
        foreach (ScriptDiagnostic diagnostic in error.Errors)
        {
            lines.Add($"{Red}{diagnostic.Id}{Plain}: {diagnostic.Message}");
            if (LineOf(diagnostic.File, diagnostic.Line) is { } text)
            {
                lines.Add($"  {diagnostic.File}, line {diagnostic.Line}: {text}");
                lines.Add(new string(' ', $"  {diagnostic.File}, line {diagnostic.Line}: ".Length + diagnostic.Column - 1) + "^");
            }
        }

        return new CellError("CompileError", error.Errors[0].ToString(), lines);
    }

    private CellError Runtime(Exception exception)
    {
        Exception shown = TorchNatives.Explain(exception) ?? exception;
        string name = shown.GetType().Name;
        string message = TorchText.OneLine(shown.Message);
        List<string> lines = [$"{Red}{name}{Plain}: {message}", .. Frames(exception)];
        for (Exception? inner = shown.InnerException; inner is not null; inner = inner.InnerException)
        {
            lines.Add($"caused by {inner.GetType().Name}: {TorchText.OneLine(inner.Message)}");
            lines.AddRange(Frames(inner));
        }

        return new CellError(name, message, lines);
    }

    // Innermost first, down to the last frame that stands in a cell; what called the cell is the kernel's own. A user's mistake needs the cells' lines only.
    private List<string> Frames(Exception exception)
    {
        List<string> lines = [];
        int end = 0;
        foreach (StackFrame frame in new StackTrace(exception, fNeedFileInfo: true).GetFrames())
        {
            // The compiler writes a cell's name into the symbols as if it were a file of the session's folder.
            string file = frame.GetFileName() ?? "", cell = Path.GetFileName(file);
            int line = frame.GetFileLineNumber();
            if (LineOf(cell, line) is { } text)
            {
                lines.Add($"  {cell}, line {line}: {text.Trim()}");
                end = lines.Count;
            }
            else if (exception is not ApertureException && frame.GetMethod() is { DeclaringType: { } type } method && !IsPlumbing(type))
            {
                lines.Add(type.IsCollectible && file.Length > 0 ? $"  {type.FullName}.{method.Name}, {file}, line {line}" : $"  {type.FullName}.{method.Name}");
            }
        }

        return lines[..end];
    }

    private static bool IsPlumbing(Type type)
        => type.Namespace is "System.Runtime.CompilerServices" or "System.Runtime.ExceptionServices" or "System.Threading.Tasks"
            || type.GetCustomAttribute<StackTraceHiddenAttribute>() is not null;

    private string? LineOf(string name, int line)
        => line > 0 && _lines.TryGetValue(name, out string[]? lines) && line <= lines.Length ? lines[line - 1].TrimEnd('\r') : null;
}
