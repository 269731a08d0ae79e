namespace Aperture.Scripting;

/// <summary>What may be written at the cursor, best first.</summary>
/// <param name="Start">First character that a completion replaces, 0-based.</param>
/// <param name="Length">Number of characters that a completion replaces.</param>
/// <param name="Items">The completions that fit what is already written; empty if nothing can stand here.</param>
public sealed record CodeCompletions(int Start, int Length, IReadOnlyList<CodeCompletion> Items);
