using Aperture.Measuring;

namespace Aperture.Evaluation;

/// <summary>How a pipeline did on a question file.</summary>
/// <param name="Label">The pipeline.</param>
/// <param name="Results">One entry a question, in the order of the questions.</param>
public sealed record EvaluationReport(string Label, IReadOnlyList<QuestionResult> Results)
{
    /// <summary>Name of the model.</summary>
    public required string Model { get; init; }

    /// <summary>Element type, device, threads and processor of the times.</summary>
    public required MeasuredOn MeasuredOn { get; init; }

    /// <summary>Whether the pipeline has no methods and saw the pictures: what others are measured by.</summary>
    public bool IsPlain { get; init; }

    /// <summary>For a baseline that was added: the pipelines whose FLOPs it got; empty for every other.</summary>
    public IReadOnlyList<string> BudgetOf { get; init; } = [];

    /// <summary>Further figures of the rule that answers were scored by.</summary>
    public IReadOnlyList<(string Name, double Value)> Figures { get; init; } = [];

    /// <summary>How its scores differ from the first pipeline's; null for the first.</summary>
    public PairedTest? Against { get; init; }

    /// <summary>Mean score of the answers: the share of right ones, where an answer is right or wrong.</summary>
    public double Accuracy => Results.Count == 0 ? 0 : Results.Average(result => result.Score);

    /// <summary>Half the width of the 95 % confidence interval of <see cref="Accuracy"/> (normal approximation).</summary>
    public double HalfWidth
        => Results.Count == 0 ? 0 : 1.96 * Math.Sqrt(Results.Average(result => (result.Score - Accuracy) * (result.Score - Accuracy)) / Results.Count);

    /// <summary>Questions that were not asked because their pictures do not open. They count as wrong; costs are means over the others.</summary>
    public int Broken => Results.Count(r => r.Problem is not null);

    /// <summary>Mean floating-point operations of a question, up to its first token.</summary>
    public double MeanFlops => Asked.Average(r => (double)r.Flops);

    /// <summary>Mean over questions and layers of the visual tokens that left a layer in the prefill.</summary>
    public double MeanVisualTokens => Asked.Average(r => r.MeanVisualTokens);

    /// <summary>Median prefill in milliseconds.</summary>
    public double PrefillMs => Statistics.Median(Asked.Select(r => r.PrefillMs));

    /// <summary>Median of a generated token after the first in milliseconds; 0 where no answer had two tokens.</summary>
    public double DecodeMs
        => Results.Where(r => r.DecodeMs > 0).Select(r => r.DecodeMs).ToList() is { Count: > 0 } timed ? Statistics.Median(timed) : 0;

    /// <summary>Mean bytes of the key/value cache after an answer.</summary>
    public double MeanCacheBytes => Asked.Average(r => (double)r.CacheBytes);

    /// <summary>Sum of scores and number of answers by kind of question, in order of first appearance.</summary>
    public IReadOnlyList<(string Type, double Right, int Count)> ByType
        => [.. Results.GroupBy(r => r.Item.Type).Select(g => (g.Key, g.Sum(r => r.Score), g.Count()))];

    private IEnumerable<QuestionResult> Asked => Results.Where(r => r.Problem is null);

    /// <summary>One line: <c>none: 93.3 ± 2.6 % of 360 questions</c>.</summary>
    public override string ToString() => $"{Label}: {100 * Accuracy:0.0} ± {100 * HalfWidth:0.0} % of {Results.Count} questions";
}
