using Aperture.Text.Scoring;

namespace Aperture.Golden.Tests.Text;

/// <summary>What METER makes of VQAv2's answers for its label space.</summary>
internal static class MeterAnswers
{
    /// <summary>Its normalisation: steps of the evaluation's own, and no commas.</summary>
    /// <param name="answer">An answer.</param>
    public static string Normalize(string answer)
        => AnswerNormalizer.NumbersAndArticles(AnswerNormalizer.Punctuation(answer)).Replace(",", "", StringComparison.Ordinal);

    /// <summary>The soft label of an answer that some of ten annotators gave: 0, 0.3, 0.6, 0.9, then 1.</summary>
    /// <param name="count">How many gave it.</param>
    public static double SoftLabel(int count) => count switch
    {
        <= 0 => 0,
        1 => 0.3,
        2 => 0.6,
        3 => 0.9,
        _ => 1,
    };
}
