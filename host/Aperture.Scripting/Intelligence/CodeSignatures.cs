namespace Aperture.Scripting;

/// <summary>The overloads of the innermost call around the cursor.</summary>
/// <param name="Items">At least one.</param>
/// <param name="Active">Index of the overload that fits what is written so far.</param>
/// <param name="ActiveParameter">Index of the parameter that the cursor is in; it may lie behind the last one.</param>
public sealed record CodeSignatures(IReadOnlyList<CodeSignature> Items, int Active, int ActiveParameter);
