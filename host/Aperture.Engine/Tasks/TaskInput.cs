namespace Aperture.Tasks;

/// <summary>Checks what every task's call would check.</summary>
internal static class TaskInput
{
    /// <summary>A list that must not be empty.</summary>
    public static IReadOnlyList<T> Some<T>(IReadOnlyList<T> items, string what)
        => items.Count > 0 ? items : throw new ApertureException($"There are no {what}; give at least one.");

    /// <summary>A sentence that must not be empty.</summary>
    public static string Sentence(string text, string what)
        => string.IsNullOrWhiteSpace(text) ? throw new ApertureException($"{what} is empty; give a sentence.") : text;
}
