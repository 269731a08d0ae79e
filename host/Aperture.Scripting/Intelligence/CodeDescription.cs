namespace Aperture.Scripting;

/// <summary>What a name in the code is.</summary>
/// <param name="Start">First character of the name, 0-based.</param>
/// <param name="Length">Its length.</param>
/// <param name="Declaration">The declaration in one line, e.g. <c>(local variable) int count</c>.</param>
/// <param name="Documentation">Its documentation as plain text; empty if there is none.</param>
public sealed record CodeDescription(int Start, int Length, string Declaration, string Documentation)
{
    /// <summary>Declaration and documentation, with a blank line between.</summary>
    public override string ToString() => Documentation.Length == 0 ? Declaration : $"{Declaration}\n\n{Documentation}";
}
