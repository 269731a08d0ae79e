using Aperture.Data;
using Aperture.Decoding;
using Aperture.Pipelines;
using Aperture.Requests;
using Aperture.Scheduling;

namespace Aperture.Evaluation;

/// <summary>
/// Asks pipelines every question of a file and scores the answers. Pipelines take turns question by question, so that a busy machine slows all of them alike,
/// and each is warmed by a question before the first that counts. Each picture is seen once, however many questions there are about it.
/// </summary>
public static class Evaluator
{
    /// <summary>Scores a pipeline.</summary>
    /// <inheritdoc cref="Run(IReadOnlyList{Pipeline}, IReadOnlyList{QuestionItem}, EvaluationOptions?, IProgress{int}?, CancellationToken)"/>
    public static EvaluationReport Run(
        Pipeline pipeline, IReadOnlyList<QuestionItem> items, EvaluationOptions? options = null, IProgress<int>? progress = null,
        CancellationToken cancellationToken = default)
        => Run([pipeline], items, options, progress, cancellationToken).Reports[0];

    /// <summary>Scores pipelines on the same questions.</summary>
    /// <param name="pipelines">The pipelines; the first is the one that others are compared with.</param>
    /// <param name="items">The questions, with answers.</param>
    /// <param name="options">How to score; null for the defaults.</param>
    /// <param name="progress">Told after every question how many all pipelines have answered; null for nobody.</param>
    /// <param name="cancellationToken">Checked between layers and tokens. With <see cref="EvaluationOptions.Output"/> the same call goes on later.</param>
    /// <exception cref="ApertureException">
    /// There are no questions, lines are wrong, no picture opens or, with <see cref="EvaluationOptions.Strict"/>, one does not, a pipeline cannot be built, or
    /// the output folder holds another run; nothing was asked then.
    /// </exception>
    public static EvaluationResult Run(
        IReadOnlyList<Pipeline> pipelines, IReadOnlyList<QuestionItem> items, EvaluationOptions? options = null, IProgress<int>? progress = null,
        CancellationToken cancellationToken = default)
    {
        options = (options ?? new EvaluationOptions()).Validate();
        using Work work = Work.Begin(cancellationToken);
        (IReadOnlyDictionary<string, string> broken, string? message) = QuestionCheck.Run(items, options, work.Token);
        using EvaluationRows rows = EvaluationRows.Create(pipelines, [.. items.Where(item => !broken.ContainsKey(item.Id))], options, work.Token);
        using EvaluationOutput? output = options.Output is { } folder ? EvaluationOutput.Open(folder, EvaluationSettings.Of(rows.All, items, options)) : null;
        Dictionary<(string Label, string Id), QuestionResult> known = output?.Read(rows.All, items) ?? [];
        int resumed = known.Count;
        Ask(rows.All, items, broken, options, known, output, progress, work.Token);
        EvaluationResult result = new(options.Scoring.Name, Reports(rows.All, items, options, known)) { Resumed = resumed, Broken = message };
        output?.WriteSummary(EvaluationJson.Write(result));
        return result;
    }

    // Fills in the answers that are missing.
    private static void Ask(
        IReadOnlyList<EvaluationRow> rows, IReadOnlyList<QuestionItem> items, IReadOnlyDictionary<string, string> broken, EvaluationOptions options,
        Dictionary<(string Label, string Id), QuestionResult> known, EvaluationOutput? output, IProgress<int>? progress, CancellationToken cancellationToken)
    {
        using EvaluationPictures pictures = new(options.Pictures);
        bool isWarm = false;
        int done = 0;
        foreach (QuestionItem item in items)
        {
            EvaluationRow[] missing = [.. rows.Where(row => !known.ContainsKey((row.Label, item.Id)))];
            string? problem = broken.GetValueOrDefault(item.Id);
            if (missing.Length > 0 && !isWarm && problem is null)
            {
                foreach (EvaluationRow row in rows)
                {
                    One(row, item);
                }

                isWarm = true;
            }

            foreach (EvaluationRow row in missing)
            {
                QuestionResult result = problem is null
                    ? QuestionResult.Of(item, One(row, item), options.Scoring)
                    : new QuestionResult(item, "", 0) { Problem = problem };
                known[(row.Label, item.Id)] = result;
                output?.Add(row.Label, result);
            }

            progress?.Report(++done);
        }

        Answer One(EvaluationRow row, QuestionItem item)
        {
            PromptRequest asked = pictures.Ask(row, item, options.Scoring.Question(item), cancellationToken);
            return row.Pipeline.AskNow(asked, options.For(row.Model), null, cancellationToken);
        }
    }

    private static EvaluationReport[] Reports(
        IReadOnlyList<EvaluationRow> rows, IReadOnlyList<QuestionItem> items, EvaluationOptions options,
        Dictionary<(string Label, string Id), QuestionResult> known)
    {
        EvaluationReport[] reports = [.. rows.Select(row => row.Report([.. items.Select(item => known[(row.Label, item.Id)])], options.Scoring))];
        bool isGraded = known.Values.Any(result => result.Score is not 0 and not 1);
        double[][] scores = [.. reports.Select(report => report.Results.Select(result => result.Score).ToArray())];
        return [.. reports.Select((report, i) => i == 0 ? report : report with { Against = PairedTest.Of(reports[0].Label, scores[0], scores[i], isGraded) })];
    }
}
