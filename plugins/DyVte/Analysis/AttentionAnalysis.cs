using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Text.Scoring;

namespace Aperture.Plugins.DyVte.Analysis;

/// <summary>
/// How attention between image and text goes through a model's layers, and after which layer its answers no longer need the visual tokens: the empirical
/// study behind DyVTE, as a tool.
/// </summary>
internal static class AttentionAnalysis
{
    private const double MostAnswers = 0.95;

    private static readonly string[] _entropies = ["X", "a", "X behind image", "a behind image"], _rows = ["V", "X"];

    /// <summary>Passes over the questions that a run makes, for progress.</summary>
    /// <param name="options">What is analysed.</param>
    /// <param name="pipelines">Number of pipelines.</param>
    public static int Passes(AnalysisOptions options, int pipelines) => 2 + (options.Sweep ? 1 : 0) + pipelines;

    /// <summary>Analyses a model.</summary>
    /// <param name="model">The model with its questions, and the pipelines whose executed visual layers are counted; borrowed.</param>
    /// <param name="options">What is analysed.</param>
    /// <param name="progress">Told after every question of every pass how many are done; null for nobody.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <exception cref="ApertureException">A layer does not exist.</exception>
    public static AnalysisReport Run(ISampledModel model, AnalysisOptions options, Action<int>? progress, CancellationToken cancellationToken)
    {
        int layers = model.Decoder.Layers, done = 0;
        options.Validate(model.Decoder.Model, layers);
        List<AttentionProfile> whole = Each(sample => Profile(model, sample, null, cancellationToken));
        MetricSeries mass = Series("mass", AttentionProfile.Pairs, whole, p => p.Mass);
        MetricSeries density = Series("density", AttentionProfile.Pairs, whole, p => p.Density);
        MetricSeries maximum = Series("headMaximumMass", AttentionProfile.Pairs, whole, p => p.HeadMaximumMass);
        AttentionStages stages = AttentionStages.Find((options.Heads == HeadReduction.Max ? maximum : mass).Column("X>V"), density.Column("X>V"));
        ExitSweep? sweep = options.Sweep ? Sweep() : null;
        int exit = options.ExitLayer ?? ComparedExit(stages, sweep, layers);
        List<AttentionProfile> exited = Each(sample => Profile(model, sample, exit, cancellationToken));
        return new AnalysisReport
        {
            Model = model.Decoder.Model,
            MeasuredOn = model.MeasuredOn,
            Layers = layers,
            Samples = model.Samples,
            Metrics =
            [
                mass,
                maximum,
                density,
                Series("entropy", _entropies, whole, Entropies),
                Series("entropyWithExit", _entropies, exited, Entropies),
                Series("updateNorm", _rows, whole, p => p.UpdateNorm),
                Series("cosine", _rows, whole, p => p.Cosine),
            ],
            Stages = stages,
            ComparedExit = exit,
            Sweep = sweep,
            Pipelines = [.. model.Pipelines.Select(Executed)],
        };

        List<T> Each<T>(Func<int, T> measure) => [.. Enumerable.Range(0, model.Samples).Select(sample =>
        {
            T result = measure(sample);
            progress?.Invoke(++done);
            return result;
        })];

        ExitSweep Sweep()
        {
            int[] swept = [.. (options.SweepLayers ?? [.. Enumerable.Range(0, layers)]).Distinct().Order()];
            ExitSweeper sweeper = new(model, swept, options.MaxNewTokens);
            return new ExitSweep(swept, Each(sample => sweeper.Run(sample, cancellationToken)));
        }

        ExecutedLayers Executed(ISampledPipeline pipeline)
        {
            List<SampledAnswer> answers = Each(sample => pipeline.Ask(sample, options.MaxNewTokens, cancellationToken));
            string?[] right = [.. Enumerable.Range(0, model.Samples).Select(sample => model.Question(sample).Answer)];
            return new ExecutedLayers(
                pipeline.Label,
                layers,
                [.. answers.Select(answer => answer.VisualTokens == 0 ? 0 : Math.Min(layers, 1 + answer.VisualTokensByLayer.Count(tokens => tokens > 0)))],
                right.Contains(null) ? null : answers.Zip(right).Average(pair => ShortAnswer.IsRight(pair.First.Text, pair.Second!) ? 1.0 : 0));
        }
    }

    // An exit after the last layer has no layer behind it to compare: then the first that hardly changes an answer, or the middle.
    private static int ComparedExit(AttentionStages stages, ExitSweep? sweep, int layers)
        => new[] { stages.SuggestedExit, sweep?.FirstKeeping(MostAnswers) ?? layers }.Where(layer => layer < layers - 1).DefaultIfEmpty(layers / 2).First();

    private static AttentionProfile Profile(ISampledModel model, int sample, int? exit, CancellationToken cancellationToken)
    {
        using AttentionRecorder recorder = new(model.Decoder.Layers);
        using ForcedExit? reducer = exit is { } layer ? new ForcedExit(layer) : null;
        model.RunPrefill(sample, reducer is null ? [] : [reducer], recorder, cancellationToken);
        return recorder.Profile;
    }

    private static MetricSeries Series(string name, IReadOnlyList<string> columns, List<AttentionProfile> profiles, Func<AttentionProfile, double[][]> values)
        => MetricSeries.Of(name, columns, [.. profiles.Select(values)]);

    private static double[][] Entropies(AttentionProfile profile)
        => [.. profile.TextEntropy.Select((_, layer) => new[]
        {
            profile.TextEntropy[layer], profile.LastEntropy[layer], profile.TextEntropyBehind[layer], profile.LastEntropyBehind[layer],
        })];
}
