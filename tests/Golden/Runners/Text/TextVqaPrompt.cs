using System.Text.RegularExpressions;
using Aperture.Text;

namespace Aperture.Golden.Tests.Text;

/// <summary>Finds the question in a TextVQA prompt, by which the annotations are looked up.</summary>
internal static partial class TextVqaPrompt
{
    /// <summary>The question, in lower case.</summary>
    /// <param name="prompt">The prompt in one of the forms of LLaVA's question files.</param>
    /// <exception cref="ApertureException">The prompt has none of those forms.</exception>
    public static string Question(string prompt)
    {
        string[] lines = prompt.Split('\n');
        string? question = prompt.StartsWith("OCR tokens: ", StringComparison.Ordinal)
            ? BetweenLabels().Match(prompt) is { Success: true } match ? match.Groups[1].Value : null
            : prompt.Contains("Reference OCR token: ", StringComparison.Ordinal) && lines.Length == 3
                ? lines[prompt.StartsWith("Reference OCR token:", StringComparison.Ordinal) ? 1 : 0]
                : lines.Length == 2 ? lines[0] : null;
        return question is null
            ? throw new ApertureException(
                $"No question found in the TextVQA prompt of {lines.Length} lines; it must be 'question, line break, instruction', with or without OCR tokens.")
            : UnicodeText.Lower(question, finalSigma: true);
    }

    [GeneratedRegex("Question: (.*?) Short answer:", RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex BetweenLabels();
}
