using System.Text.RegularExpressions;

namespace Aperture.Text.Scoring;

/// <summary>
/// ScienceQA: finds the choice that an answer names, by the two published rules: the answer as a whole, and the first sentence that names one.
/// </summary>
public static partial class ScienceQaAnswer
{
    private const string Options = "ABCDE";

    /// <summary>The index of the chosen option, or -1 where the answer names none of the choices.</summary>
    /// <param name="answer">The model's answer: a letter, a letter with a full stop and text, or one <c>The answer is X.</c>.</param>
    /// <param name="choices">How many choices the question has.</param>
    public static int Choice(string answer, int choices)
    {
        char? letter = null;
        if (answer.Length == 1 && Options.Contains(answer[0], StringComparison.Ordinal))
        {
            letter = answer[0];
        }
        else if (answer.Length >= 3 && Options.Contains(answer[0], StringComparison.Ordinal) && answer[1] == '.' && answer[2] == ' ')
        {
            letter = answer[0];
        }
        else if (Sentence().Matches(answer) is [var match])
        {
            letter = match.Groups[1].Value[0];
        }

        int index = letter is { } found ? Options.IndexOf(found, StringComparison.Ordinal) : -1;
        return index < choices ? index : -1;
    }

    /// <summary>
    /// The index of the option that the first <c>The answer is X.</c> of a text names, or -1 where it names none of the choices (the published code then
    /// draws one).
    /// </summary>
    /// <param name="text">The text. The published code gives prompt and answer together.</param>
    /// <param name="choices">How many choices the question has.</param>
    /// <param name="orLetter">Where no sentence is found, take the first letter A to E that any character follows; that may be one of an ordinary word.</param>
    public static int FirstChoice(string text, int choices, bool orLetter = false)
    {
        Match match = Sentence().Match(text);
        match = match.Success || !orLetter ? match : Letter().Match(text);
        int index = match.Success ? Options.IndexOf(match.Groups[1].Value[0], StringComparison.Ordinal) : -1;
        return index < choices ? index : -1;
    }

    [GeneratedRegex("([A-E]).", RegexOptions.CultureInvariant)]
    private static partial Regex Letter();

    [GeneratedRegex("The answer is ([A-Z]).", RegexOptions.CultureInvariant)]
    private static partial Regex Sentence();
}
