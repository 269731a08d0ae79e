namespace Aperture.Comparing;

/// <summary>One pipeline answering several questions in one batch. Times are medians in milliseconds, of the whole batch.</summary>
/// <param name="Label">The pipeline's name in the table.</param>
/// <param name="Batch">Questions in the batch.</param>
/// <param name="FirstToken">Until every answer has its first token.</param>
/// <param name="Step">A generated token of every answer; 0 with fewer than two.</param>
/// <param name="Whole">Until the last answer is there.</param>
/// <param name="CacheBytes">Bytes of the key/value cache at the end.</param>
public sealed record BatchMeasurement(string Label, int Batch, double FirstToken, double Step, double Whole, long CacheBytes)
{
    /// <summary>Answers a second.</summary>
    public double AnswersPerSecond => 1000 * Batch / Whole;

    /// <summary>Tokens a second after the first, over all answers.</summary>
    public double TokensPerSecond => Step > 0 ? 1000 * Batch / Step : 0;
}
