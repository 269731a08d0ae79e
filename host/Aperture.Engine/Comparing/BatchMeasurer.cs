using System.Diagnostics;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Pipelines;
using Aperture.Requests;

namespace Aperture.Comparing;

/// <summary>Measures pipelines on batches of questions. Pipelines of one batch size take turns, so that a busy machine slows all of them alike.</summary>
public static class BatchMeasurer
{
    private const int Largest = 1024;

    /// <summary>Measures pipelines on batches of several sizes; the pipeline without methods is added where it is missing.</summary>
    /// <param name="pipelines">The pipelines, of one model.</param>
    /// <param name="image">The picture of every question; null for questions without one.</param>
    /// <param name="question">The question.</param>
    /// <param name="batches">Batch sizes, 1 to 1024.</param>
    /// <param name="options">How to measure; answers are as long as <see cref="GenerationOptions.MaxNewTokens"/> says, however early they would end.</param>
    /// <param name="progress">Told the share that is done, 0 to 1; null for nobody.</param>
    /// <param name="cancellationToken">Checked between layers and tokens.</param>
    /// <exception cref="ApertureException">There is no pipeline or no size, a size is out of range, or a pipeline cannot be built.</exception>
    public static BatchComparison Compare(
        IReadOnlyList<Pipeline> pipelines, Image? image, string question, IReadOnlyList<int> batches, MeasureOptions? options = null,
        IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        options = (options ?? new MeasureOptions()).Validate();
        if (pipelines.Count == 0 || batches.Count == 0)
        {
            throw new ApertureException($"There is nothing to compare; name at least one {(batches.Count == 0 ? "batch size" : "pipeline")}.");
        }

        if (batches.FirstOrDefault(batch => batch is < 1 or > Largest, 1) is not 1 and int wrong)
        {
            throw new ApertureException($"A batch of {wrong} questions cannot be measured; sizes are 1 to {Largest}.");
        }

        using Pipeline? plain = pipelines.Any(pipeline => pipeline.Methods.Count == 0) ? null : pipelines[0].Plain();
        Pipeline[] all = plain is null ? [.. pipelines] : [plain, .. pipelines];
        GenerationOptions chosen = pipelines[0].Model.Complete(options.Generation);
        chosen = chosen with { MinNewTokens = chosen.MaxNewTokens };
        PromptRequest asked = PromptRequest.Of(question, image is null ? [] : [image]);
        List<BatchMeasurement> rows = [];
        double steps = batches.Count * all.Length * (options.Runs + 1);
        int done = 0;
        foreach (int batch in batches)
        {
            PromptRequest[] together = [.. Enumerable.Repeat(asked, batch)];
            List<BatchMeasurement>[] runs = [.. all.Select(_ => new List<BatchMeasurement>())];
            for (int round = 0; round <= options.Runs; round++)
            {
                for (int i = 0; i < all.Length; i++)
                {
                    BatchMeasurement run = Run(all[i], together, chosen, cancellationToken);
                    if (round > 0) // the first warms up
                    {
                        runs[i].Add(run);
                    }

                    progress?.Report(++done / steps);
                }
            }

            rows.AddRange(runs.Select(Median));
        }

        return new BatchComparison(question, pipelines[0].Model.Name, MeasuredOn.Of(pipelines[0].Model.Ops), chosen.MaxNewTokens, rows);
    }

    private static BatchMeasurement Run(Pipeline pipeline, PromptRequest[] asked, GenerationOptions options, CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        RequestOutcome outcome = pipeline.Run((run, token) => run.Run(asked, options, null, null, token), cancellationToken);
        double whole = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        return new BatchMeasurement(
            pipeline.Label, asked.Length, outcome.Times.FirstToken, outcome.Times.DecodePerToken, whole, outcome.CacheBytes);
    }

    private static BatchMeasurement Median(List<BatchMeasurement> runs) => runs[0] with
    {
        FirstToken = Statistics.Median(runs.Select(run => run.FirstToken)),
        Step = Statistics.Median(runs.Select(run => run.Step)),
        Whole = Statistics.Median(runs.Select(run => run.Whole)),
    };
}
