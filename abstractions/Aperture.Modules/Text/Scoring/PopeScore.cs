using Aperture.Measuring;

namespace Aperture.Text.Scoring;

/// <summary>POPE: yes-or-no questions about objects; <c>yes</c> is the positive class.</summary>
/// <param name="TruePositives">Yes where yes is right.</param>
/// <param name="FalsePositives">Yes where no is right.</param>
/// <param name="TrueNegatives">No where no is right.</param>
/// <param name="FalseNegatives">No where yes is right.</param>
public sealed record PopeScore(int TruePositives, int FalsePositives, int TrueNegatives, int FalseNegatives)
{
    /// <summary>Share of right answers.</summary>
    public double Accuracy => Ratio(TruePositives + TrueNegatives, Count);

    /// <summary>Share of right ones among the yes answers.</summary>
    public double Precision => Ratio(TruePositives, TruePositives + FalsePositives);

    /// <summary>Share of the objects that were found.</summary>
    public double Recall => Ratio(TruePositives, TruePositives + FalseNegatives);

    /// <summary>Harmonic mean of precision and recall.</summary>
    public double F1 => Precision + Recall == 0 ? 0 : 2 * Precision * Recall / (Precision + Recall);

    /// <summary>Share of yes answers.</summary>
    public double YesRatio => Ratio(TruePositives + FalsePositives, Count);

    private int Count => TruePositives + FalsePositives + TrueNegatives + FalseNegatives;

    /// <summary>Whether an answer counts as yes: its first sentence has none of the words No, no, not.</summary>
    /// <param name="answer">The model's answer.</param>
    public static bool IsYes(string answer)
        => !answer.Split('.')[0].Replace(",", "", StringComparison.Ordinal).Split(' ').Any(word => word is "No" or "no" or "not");

    /// <summary>Scores answers.</summary>
    /// <param name="answers">The model's answers.</param>
    /// <param name="labels">For each of them whether yes is right.</param>
    /// <exception cref="ArgumentException">The lists differ in length.</exception>
    public static PopeScore Of(IReadOnlyList<string> answers, IReadOnlyList<bool> labels)
    {
        if (answers.Count != labels.Count)
        {
            throw new ArgumentException($"{answers.Count} answers for {labels.Count} labels.", nameof(labels));
        }

        int[] counts = new int[4];
        for (int i = 0; i < answers.Count; i++)
        {
            counts[(IsYes(answers[i]) ? 0 : 2) + (labels[i] == IsYes(answers[i]) ? 0 : 1)]++;
        }

        return new(counts[0], counts[1], counts[2], counts[3]);
    }

    private static double Ratio(int part, int whole) => whole == 0 ? 0 : (double)part / whole;
}
