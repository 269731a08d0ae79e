using Aperture.Generation;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Pipelines;
using Aperture.Requests;

namespace Aperture.Comparing;

/// <summary>Measures what a question saves that begins like an earlier one. Pipelines take turns, so that a busy machine slows all of them alike.</summary>
public static class LaterMeasurer
{
    /// <summary>Asks each pipeline two questions about a picture, in every run with nothing kept from the run before.</summary>
    /// <param name="pipelines">The pipelines, of one model.</param>
    /// <param name="image">The picture; null for questions without one.</param>
    /// <param name="first">The first question.</param>
    /// <param name="later">The later question.</param>
    /// <param name="options">How to measure.</param>
    /// <param name="progress">Told the share that is done, 0 to 1; null for nobody.</param>
    /// <param name="cancellationToken">Checked between layers and tokens.</param>
    /// <exception cref="ApertureException">There is no pipeline, or one cannot be built.</exception>
    public static LaterComparison Compare(
        IReadOnlyList<Pipeline> pipelines, Image? image, string first, string later, MeasureOptions? options = null, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        options = (options ?? new MeasureOptions()).Validate();
        if (pipelines.Count == 0)
        {
            throw new ApertureException("There is nothing to compare; name at least one pipeline.");
        }

        Image[] shown = image is null ? [] : [image];
        PromptRequest[] questions = [PromptRequest.Of(later, shown), PromptRequest.Of(first, shown), PromptRequest.Of(later, shown)]; // as AskedAs has them
        List<LaterMeasurement>[] runs = [.. Enumerable.Range(0, pipelines.Count * questions.Length).Select(_ => new List<LaterMeasurement>())];
        double steps = pipelines.Count * (options.Runs + 1);
        for (int round = 0; round <= options.Runs; round++)
        {
            for (int i = 0; i < pipelines.Count; i++)
            {
                using KeptPrefixes kept = new(KeptPrefixes.DefaultBudget);
                for (int question = 0; question < questions.Length; question++)
                {
                    LaterMeasurement run = Run(
                        pipelines[i], questions[question], (AskedAs)question, question == 0 ? null : kept, options.Generation, cancellationToken);
                    if (round > 0) // the first warms up
                    {
                        runs[(i * questions.Length) + question].Add(run);
                    }
                }

                progress?.Report(((round * pipelines.Count) + i + 1) / steps);
            }
        }

        return new LaterComparison(first, later, pipelines[0].Model.Name, MeasuredOn.Of(pipelines[0].Model.Ops), [.. runs.Select(Median)]);
    }

    private static LaterMeasurement Run(
        Pipeline pipeline, PromptRequest asked, AskedAs how, KeptPrefixes? kept, GenerationOptions? options, CancellationToken cancellationToken)
    {
        RequestOutcome outcome = pipeline.Run(
            (run, token) => (kept is null ? run : run.Keeping(kept)).Run([asked], options, null, null, token), cancellationToken);
        int before = outcome.Starts.Sum(start => start.Kept);
        return new LaterMeasurement(
            pipeline.Label, how, outcome.Prompts[0].Count - before, before, outcome.Encoded, outcome.Times,
            pipeline.Model.RequireTokenizer().Decode(outcome.Sequences[0].Tokens).Trim());
    }

    private static LaterMeasurement Median(List<LaterMeasurement> runs)
    {
        double Of(Func<StageTimes, double> stage) => Statistics.Median(runs.Select(run => stage(run.Times)));
        return runs[0] with { Times = new StageTimes(Of(t => t.Vision), Of(t => t.Projector), Of(t => t.Prefill), 0, Of(t => t.DecodePerToken)) };
    }
}
