using Aperture.Pipelines;

namespace Aperture.Scripting;

/// <summary>One message of the compiler.</summary>
/// <param name="File">The script file or the cell's name; empty when the message has no place.</param>
/// <param name="Line">1-based; 0 without a place.</param>
/// <param name="Column">1-based; 0 without a place.</param>
/// <param name="Id">The compiler's code, e.g. <c>CS0103</c>.</param>
/// <param name="Message">What is wrong.</param>
public sealed record ScriptDiagnostic(string File, int Line, int Column, string Id, string Message)
{
    /// <summary><c>file(line,column): error ID: message</c>, the form editors jump to.</summary>
    public override string ToString() => Line == 0 ? $"error {Id}: {Message}" : $"{File}({Line},{Column}): error {Id}: {Message}";
}
