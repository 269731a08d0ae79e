namespace Aperture.Scripting;

/// <summary>A parameter of a signature.</summary>
/// <param name="Text">Its declaration, e.g. <c>int count = 1</c>.</param>
/// <param name="Documentation">Its documentation as plain text; empty if there is none.</param>
public sealed record CodeParameter(string Text, string Documentation);
