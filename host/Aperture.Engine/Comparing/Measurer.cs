using Aperture.Benchmarks;
using Aperture.Decoding;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Requests;
using TorchSharp;

namespace Aperture.Comparing;

/// <summary>Measures pipelines on a question. Pipelines that are compared take turns, so that a busy machine slows all of them alike.</summary>
public static class Measurer
{
    /// <summary>Measures one pipeline.</summary>
    /// <param name="pipeline">The pipeline.</param>
    /// <param name="image">The picture; null for a question without one.</param>
    /// <param name="question">The question.</param>
    /// <param name="options">How to measure; null for the defaults.</param>
    /// <param name="cancellationToken">Checked between layers and tokens.</param>
    public static Measurement Measure(
        Pipeline pipeline, Image? image, string question, MeasureOptions? options = null, CancellationToken cancellationToken = default)
        => Run([pipeline], image, question, options ?? new MeasureOptions(), null, cancellationToken)[0];

    /// <summary>Measures pipelines side by side: un-reduced, the baselines of the plugins at the same budget, and those given.</summary>
    /// <param name="pipelines">The pipelines; of one or several models.</param>
    /// <param name="image">The picture.</param>
    /// <param name="question">The question.</param>
    /// <param name="options">How to measure; null for the defaults.</param>
    /// <param name="progress">Told the share that is done, 0 to 1; null for nobody.</param>
    /// <param name="cancellationToken">Checked between layers and tokens.</param>
    /// <exception cref="ApertureException">No pipeline was given, or one cannot be built.</exception>
    public static Comparison Compare(
        IReadOnlyList<Pipeline> pipelines, Image? image, string question, MeasureOptions? options = null, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        if (pipelines.Count == 0)
        {
            throw new ApertureException("There is nothing to compare; name at least one pipeline.");
        }

        options = (options ?? new MeasureOptions()).Validate();
        List<Pipeline> rows = [.. pipelines];
        List<Pipeline> added = [];
        try
        {
            if (options.AddBaselines && image is not null)
            {
                added = Baselines(pipelines, image, question, cancellationToken);
                rows.InsertRange(rows[0].Methods.Count == 0 ? 1 : 0, added);
            }

            return new Comparison(
                question, pipelines[0].Model.Name, MeasuredOn.Of(pipelines[0].Model.Ops), Run(rows, image, question, options, progress, cancellationToken));
        }
        finally
        {
            added.ForEach(pipeline => pipeline.Dispose());
        }
    }

    // What the comparison lacks: the un-reduced row, and every baseline at the budget of the first pipeline that does more than baselines do.
    private static List<Pipeline> Baselines(IReadOnlyList<Pipeline> pipelines, Image image, string question, CancellationToken cancellationToken)
    {
        List<Pipeline> added = [];
        if (!pipelines.Any(p => p.Methods.Count == 0))
        {
            added.Add(pipelines[0].Plain());
        }

        // Plugins load for a comparison that has methods only.
        IReadOnlyList<PluginMethod> baselines = pipelines.All(p => p.Methods.Count == 0) ? []
            : pipelines[0].Session.Baselines(pipelines[0].Model);
        Pipeline? reducing = pipelines.FirstOrDefault(p => p.Methods.Any(method => !baselines.Any(baseline => IsNamed(method, baseline))));
        PluginMethod[] missing = [.. baselines.Where(baseline => !pipelines.Any(p => p.Methods.Any(method => IsNamed(method, baseline))))];
        if (reducing is null || missing.Length == 0)
        {
            return added;
        }

        MethodBudget budget = MethodBudget.Of(reducing, [(image, question)], cancellationToken);
        added.AddRange(missing.Select(budget.Give));
        return added;
    }

    private static bool IsNamed(MethodUse method, PluginMethod baseline) => string.Equals(method.Name, baseline.Name, StringComparison.OrdinalIgnoreCase);

    private static Measurement[] Run(
        IReadOnlyList<Pipeline> pipelines, Image? image, string question, MeasureOptions options, IProgress<double>? progress,
        CancellationToken cancellationToken)
    {
        int steps = pipelines.Count * (options.Runs + 1), done = 0;
        PromptRequest asked = PromptRequest.Of(question, image is null ? [] : [image]);
        Answer[] answers = new Answer[pipelines.Count];
        long?[] peaks = new long?[pipelines.Count];
        for (int i = 0; i < pipelines.Count; i++)
        {
            // The first run warms up and counts; the second shows what a warm question needs of memory.
            Pipeline pipeline = pipelines[i];
            answers[i] = pipeline.AskNow(asked, options.Generation, null, cancellationToken);
            peaks[i] = pipeline.Model.Ops.Device.type == DeviceType.CPU ? PeakMemory.Added(() => Ask(pipeline)) : null;
            progress?.Report(++done / (double)steps);
        }

        List<StageTimes>[] times = [.. pipelines.Select(_ => new List<StageTimes>())];
        for (int round = 0; round < options.Runs; round++)
        {
            for (int i = 0; i < pipelines.Count; i++)
            {
                times[i].Add(Ask(pipelines[i]) with { Method = MethodTime(pipelines[i], asked, cancellationToken) });
                progress?.Report(++done / (double)steps);
            }
        }

        StageTimes Ask(Pipeline pipeline)
            => pipeline.Run((run, token) => run.Run([asked], options.Generation, null, null, token).Times, cancellationToken);

        return [.. pipelines.Select((pipeline, i) => new Measurement
        {
            Label = pipeline.Label,
            MeasuredOn = MeasuredOn.Of(pipeline.Model.Ops),
            Answer = answers[i].Text,
            VisualTokens = answers[i].VisualTokens,
            VisualTokensByLayer = answers[i].VisualTokensByLayer,
            Flops = answers[i].Flops,
            Times = Median(times[i]),
            PrefillSpread = times[i].Max(t => t.Prefill) - times[i].Min(t => t.Prefill),
            CacheBytes = answers[i].CacheBytes,
            PeakMemory = peaks[i],
            TokenMap = answers[i].TokenMap,
        })];
    }

    // A run of its own for each timed one: on a GPU the clock waits for the device at every hook, which would show in the stages.
    private static double MethodTime(Pipeline pipeline, PromptRequest asked, CancellationToken cancellationToken)
    {
        HookClock clock = new(pipeline.Model.Ops.Device);
        pipeline.Run((run, token) => run.Timed(clock)?.Run([asked], new() { MaxNewTokens = 1 }, null, null, token), cancellationToken);
        return clock.Milliseconds;
    }

    private static StageTimes Median(List<StageTimes> times)
    {
        double Of(Func<StageTimes, double> stage) => Statistics.Median(times.Select(stage));
        return new StageTimes(Of(t => t.Vision), Of(t => t.Projector), Of(t => t.Prefill), Of(t => t.Method), Of(t => t.DecodePerToken));
    }
}
