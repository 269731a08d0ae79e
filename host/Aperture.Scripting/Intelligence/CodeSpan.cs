namespace Aperture.Scripting;

/// <summary>A coloured piece of code. Pieces come in order and do not overlap; what lies between them is plain.</summary>
/// <param name="Start">First character, 0-based.</param>
/// <param name="Length">Its length.</param>
/// <param name="Kind">What it is.</param>
public readonly record struct CodeSpan(int Start, int Length, CodeKind Kind);
