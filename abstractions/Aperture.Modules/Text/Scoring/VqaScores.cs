using System.Text;

namespace Aperture.Text.Scoring;

/// <summary>Scores of open answers: VQAv2/TextVQA accuracy, ST-VQA accuracy and ANLS.</summary>
public static class VqaScores
{
    /// <summary>
    /// The accuracy of VQAv2 and TextVQA: for each of the ten annotators, a third for every other annotator who gave the same answer, at most one; the mean of
    /// that over the annotators. Answers are normalised.
    /// </summary>
    /// <param name="prediction">The model's answer.</param>
    /// <param name="answers">The annotators' answers, usually ten.</param>
    /// <returns>0 to 1.</returns>
    public static double SoftAccuracy(string prediction, IReadOnlyList<string> answers)
    {
        if (answers.Count == 0)
        {
            return 0;
        }

        string normal = AnswerNormalizer.Normalize(prediction);
        List<string> given = answers.Select(AnswerNormalizer.Normalize).ToList();
        int same = given.Count(answer => answer == normal);
        return same == 0 ? 0 : given.Average(answer => Math.Min(1, (same - (answer == normal ? 1 : 0)) / 3.0));
    }

    /// <summary>ST-VQA accuracy: 1 if the normalised answer is one of the annotators', else 0.</summary>
    /// <param name="prediction">The model's answer.</param>
    /// <param name="answers">The annotators' answers.</param>
    public static double ExactAccuracy(string prediction, IReadOnlyList<string> answers)
        => answers.Select(AnswerNormalizer.Normalize).Contains(AnswerNormalizer.Normalize(prediction)) ? 1 : 0;

    /// <summary>The best ANLS over the annotators' answers.</summary>
    /// <param name="prediction">The model's answer.</param>
    /// <param name="answers">The annotators' answers.</param>
    public static double Anls(string prediction, IReadOnlyList<string> answers) => answers.Count == 0 ? 0 : answers.Max(answer => Anls(prediction, answer));

    /// <summary>
    /// Normalised Levenshtein similarity of two texts in lower case, 0 where it is below a half. Two empty texts give 1, where the official code divides by
    /// zero.
    /// </summary>
    /// <param name="first">A text.</param>
    /// <param name="second">A text.</param>
    public static double Anls(string first, string second)
    {
        Rune[] a = UnicodeText.Lower(first, finalSigma: true).Trim().EnumerateRunes().ToArray();
        Rune[] b = UnicodeText.Lower(second, finalSigma: true).Trim().EnumerateRunes().ToArray();
        int longest = Math.Max(a.Length, b.Length);
        if (longest == 0)
        {
            return 1;
        }

        double similarity = 1 - ((double)Distance(a, b) / longest);
        return similarity >= 0.5 ? similarity : 0;
    }

    private static int Distance(Rune[] a, Rune[] b)
    {
        int[] row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substitute, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[b.Length];
    }
}
