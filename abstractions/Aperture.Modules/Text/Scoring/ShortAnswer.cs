namespace Aperture.Text.Scoring;

/// <summary>Answers of a word or two, as this application's own question files have them: right is what equals the answer.</summary>
public static class ShortAnswer
{
    /// <summary>Whether an answer is the right one: equal but for case, surrounding space and a final full stop.</summary>
    /// <param name="given">What was answered.</param>
    /// <param name="answer">The right answer.</param>
    public static bool IsRight(string given, string answer) => Normalise(given) == Normalise(answer);

    private static string Normalise(string text) => text.Trim().TrimEnd('.').ToLowerInvariant();
}
