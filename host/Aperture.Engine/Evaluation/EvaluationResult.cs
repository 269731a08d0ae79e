namespace Aperture.Evaluation;

/// <summary>How pipelines did on the same questions.</summary>
/// <param name="Scoring">Name of the rule that answers were scored by.</param>
/// <param name="Reports">One a pipeline: those given, in their order, each followed by what was added for it.</param>
public sealed record EvaluationResult(string Scoring, IReadOnlyList<EvaluationReport> Reports)
{
    private const double Noticeable = 1.02; // Medians that lie closer are taken as equal.

    /// <summary>Answers that an earlier run had left in the output folder and that were not asked for again.</summary>
    public int Resumed { get; init; }

    /// <summary>The questions whose pictures do not open, with the lines they stand in, in one line; null where all open.</summary>
    public string? Broken { get; init; }

    /// <summary>
    /// What a reader must not overlook, one line each: questions that were not asked, and pipelines that take longer in the prefill than the model without
    /// methods.
    /// </summary>
    public IReadOnlyList<string> Notes =>
    [
        .. Broken is null ? Array.Empty<string>() : [$"counted as wrong and not asked: {Broken}"],
        .. from plain in Reports
           where plain.IsPlain
           let slower = Reports.Where(report => report.Model == plain.Model && report.PrefillMs > Noticeable * plain.PrefillMs).ToArray()
           where slower.Length > 0
           select $"slower in the prefill than {plain.Label} ({plain.PrefillMs:0.00} ms): "
               + string.Join(", ", slower.Select(report => $"{report.Label} {report.PrefillMs:0.00} ms")),
    ];

    /// <summary>The report that a report's FLOPs are seen beside: the same model's without methods, else the first.</summary>
    /// <param name="report">One of the reports.</param>
    public EvaluationReport Beside(EvaluationReport report) => Reports.FirstOrDefault(other => other.IsPlain && other.Model == report.Model) ?? Reports[0];
}
