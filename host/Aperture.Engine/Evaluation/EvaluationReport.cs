namespace Aperture.Evaluation;

/// <summary>How a pipeline did on a question file.</summary>
/// <param name="Label">The pipeline.</param>
/// <param name="Results">One entry a question.</param>
public sealed record EvaluationReport(string Label, IReadOnlyList<QuestionResult> Results)
{
    /// <summary>Share of right answers.</summary>
    public double Accuracy => Results.Count == 0 ? 0 : Results.Count(r => r.Right) / (double)Results.Count;

    /// <summary>Half the width of the 95 % confidence interval of <see cref="Accuracy"/> (normal approximation).</summary>
    public double HalfWidth => Results.Count == 0 ? 0 : 1.96 * Math.Sqrt(Accuracy * (1 - Accuracy) / Results.Count);

    /// <summary>Mean floating-point operations of a question, up to its first token.</summary>
    public double MeanFlops => Results.Average(r => (double)r.Flops);

    /// <summary>Median prefill in milliseconds.</summary>
    public double PrefillMs => Benchmarks.Statistics.Median(Results.Select(r => r.PrefillMs));

    /// <summary>Right and all answers by kind of question, in order of first appearance.</summary>
    public IReadOnlyList<(string Type, int Right, int Count)> ByType
        => [.. Results.GroupBy(r => r.Item.Type).Select(g => (g.Key, g.Count(r => r.Right), g.Count()))];
}

/// <summary>One answered question.</summary>
/// <param name="Item">The question.</param>
/// <param name="Given">What the pipeline answered.</param>
/// <param name="Right">Whether that is the right answer.</param>
/// <param name="Flops">Floating-point operations up to the first token.</param>
/// <param name="PrefillMs">Prefill in milliseconds.</param>
public sealed record QuestionResult(QuestionItem Item, string Given, bool Right, long Flops, double PrefillMs);
