using Aperture.Measuring;
using Aperture.Models;
using Aperture.Pipelines;

namespace Aperture.Evaluation;

/// <summary>One line of an evaluation: a pipeline, with its pictures or without.</summary>
/// <param name="pipeline">The pipeline; borrowed.</param>
/// <param name="isBlind">Whether its pictures are replaced by plain grey.</param>
internal sealed class EvaluationRow(Pipeline pipeline, bool isBlind)
{
    /// <summary>The pipeline.</summary>
    public Pipeline Pipeline => pipeline;

    /// <summary>Whether its pictures are replaced by plain grey.</summary>
    public bool IsBlind => isBlind;

    /// <summary>What tells it from the others, in tables and files.</summary>
    public string Label { get; set; } = isBlind ? pipeline.Label + ", blind" : pipeline.Label;

    /// <summary>The pipelines whose FLOPs a baseline got.</summary>
    public List<EvaluationRow> BudgetOf { get; } = [];

    /// <summary>The model.</summary>
    public Model Model => pipeline.Model;

    /// <summary>The report of its answers.</summary>
    /// <param name="results">The answers, in the order of the questions.</param>
    /// <param name="scoring">The rule they were scored by.</param>
    public EvaluationReport Report(IReadOnlyList<QuestionResult> results, AnswerScoring scoring) => new(Label, results)
    {
        Model = Model.Name,
        MeasuredOn = MeasuredOn.Of(Model.Ops),
        IsPlain = pipeline.Methods.Count == 0 && !isBlind,
        BudgetOf = [.. BudgetOf.Select(row => row.Label)],
        Figures = scoring.Figures(results),
    };
}
