using System.Text.RegularExpressions;

namespace Aperture.Text.Scoring;

/// <summary>
/// Brings answers to the form in which the VQA evaluations compare them. <see cref="Normalize"/> is the one that VQAv2, TextVQA and VizWiz use; the
/// steps are public because benchmarks use some of them alone.
/// </summary>
public static partial class AnswerNormalizer
{
    /// <summary>The official code passes a flag where the number of replacements belongs; the flag's value is 32.</summary>
    private const int MaxPeriods = 32;

    private static readonly string[] _punctuation = [";", "/", "[", "]", "\"", "{", "}", "(", ")", "=", "+", "\\", "_", "-", ">", "<", "@", "`", ",", "?", "!"];

    /// <summary>The whole normalisation.</summary>
    /// <param name="answer">An answer.</param>
    public static string Normalize(string answer)
        => NumbersAndArticles(Punctuation(Words(answer).Replace('\n', ' ').Replace('\t', ' ').Trim()));

    /// <summary>Lower case, without commas and question marks, with a blank before <c>'s</c>.</summary>
    /// <param name="answer">An answer.</param>
    public static string Words(string answer)
        => UnicodeText.Lower(answer, finalSigma: true)
            .Replace(",", "", StringComparison.Ordinal)
            .Replace("?", "", StringComparison.Ordinal)
            .Replace("'s", " 's", StringComparison.Ordinal)
            .Trim();

    /// <summary>
    /// Takes punctuation out where it stands beside a blank or where the text has a number with commas, else puts a blank in its place; takes out periods that
    /// are no decimal points.
    /// </summary>
    /// <param name="answer">An answer.</param>
    public static string Punctuation(string answer)
    {
        bool hasNumberComma = NumberComma().IsMatch(answer);
        string result = answer;
        foreach (string mark in _punctuation)
        {
            bool remove = hasNumberComma || answer.Contains(mark + " ", StringComparison.Ordinal) || answer.Contains(" " + mark, StringComparison.Ordinal);
            result = result.Replace(mark, remove ? "" : " ", StringComparison.Ordinal);
        }

        return Period().Replace(result, "", MaxPeriods);
    }

    /// <summary>Lower case, number words as digits, no articles, contractions with their apostrophe, single blanks.</summary>
    /// <param name="answer">An answer.</param>
    public static string NumbersAndArticles(string answer)
    {
        IEnumerable<string> words = UnicodeText.Lower(answer, finalSigma: true).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
            .Select(word => AnswerWords.Numbers.GetValueOrDefault(word, word))
            .Where(word => !AnswerWords.IsArticle(word))
            .Select(word => AnswerWords.Contractions.GetValueOrDefault(word, word));
        return string.Join(' ', words);
    }

    [GeneratedRegex(@"(?<=\d),+(?=\d)", RegexOptions.CultureInvariant)]
    private static partial Regex NumberComma();

    [GeneratedRegex(@"(?!<=\d)\.(?!\d)", RegexOptions.CultureInvariant)]
    private static partial Regex Period();
}
