using Aperture.Decoding;
using Aperture.Engine;
using Aperture.Evaluation;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Analysis;

/// <summary>
/// How attention between image and text goes through a model's layers, and after which layer its answers no longer need the visual tokens: the empirical study behind DyVTE, as a tool.
/// </summary>
public static class AttentionAnalysis
{
    private const double MostAnswers = 0.95;

    private static readonly string[] _entropies = ["X", "a", "X behind image", "a behind image"], _rows = ["V", "X"];

    /// <summary>Passes over the questions that a run makes, for progress.</summary>
    /// <param name="options">What is analysed.</param>
    /// <param name="pipelines">Number of pipelines.</param>
    public static int Passes(AnalysisOptions options, int pipelines) => 2 + (options.Sweep ? 1 : 0) + pipelines;

    /// <summary>Analyses a model.</summary>
    /// <param name="model">The model; borrowed.</param>
    /// <param name="items">Questions, each about a picture.</param>
    /// <param name="pipelines">Pipelines over the model whose executed visual layers are counted.</param>
    /// <param name="options">What is analysed.</param>
    /// <param name="progress">Told after every question of every pass; null for nobody.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <exception cref="ApertureException">A question has no picture, or a layer does not exist.</exception>
    public static AnalysisReport Run(
        LlavaModel model, IReadOnlyList<QuestionItem> items, IReadOnlyList<Pipeline> pipelines, AnalysisOptions options, IProgress<int>? progress, CancellationToken cancellationToken)
    {
        int layers = model.Decoder.Info.Layers, done = 0;
        options.Validate(model.Name, layers);
        if (items.Count == 0 || items.FirstOrDefault(item => item.Image is null) is not null)
        {
            throw new ApertureException(items.Count == 0
                ? "There is no question to analyse; give a file with at least one line."
                : $"Question '{items.First(item => item.Image is null).Id}' has no picture; the analysis needs one in every line.");
        }

        using PictureTokens pictures = new(model);
        List<AttentionProfile> whole = Each((item, token) => Profile(model, pictures.Prompt(item, token), null, token));
        MetricSeries mass = Series("mass", AttentionProfile.Pairs, whole, p => p.Mass), density = Series("density", AttentionProfile.Pairs, whole, p => p.Density);
        MetricSeries maximum = Series("headMaximumMass", AttentionProfile.Pairs, whole, p => p.HeadMaximumMass);
        AttentionStages stages = AttentionStages.Find((options.Heads == HeadReduction.Max ? maximum : mass).Column("X>V"), density.Column("X>V"));
        ExitSweep? sweep = options.Sweep ? Sweep() : null;
        int exit = options.ExitLayer ?? ComparedExit(stages, sweep, layers);
        List<AttentionProfile> exited = Each((item, token) => Profile(model, pictures.Prompt(item, token), exit, token));
        return new AnalysisReport
        {
            Model = model.Name,
            MeasuredOn = MeasuredOn.Of(model.Ops),
            Layers = layers,
            Samples = items.Count,
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
            Pipelines = [.. pipelines.Select(Executed)],
        };

        List<T> Each<T>(Func<QuestionItem, CancellationToken, T> measure) => [.. items.Select(item =>
        {
            T result = model.Use(
                token =>
                {
                    using IDisposable mode = inference_mode();
                    return measure(item, token);
                },
                cancellationToken);
            progress?.Report(++done);
            return result;
        })];

        ExitSweep Sweep()
        {
            int[] swept = [.. (options.SweepLayers ?? [.. Enumerable.Range(0, layers)]).Distinct().Order()];
            ExitSweeper sweeper = new(model, swept, options.MaxNewTokens);
            return new ExitSweep(swept, Each((item, token) => sweeper.Run(item, pictures.Prompt(item, token), token)));
        }

        ExecutedLayers Executed(Pipeline pipeline)
        {
            List<Answer> answers = Each((item, token) => pipeline.AskNow(Image.Load(item.Image!), item.Question, new GenerationOptions { MaxNewTokens = options.MaxNewTokens }, null, token));
            bool judged = items.All(item => item.Answer is not null);
            return new ExecutedLayers(
                pipeline.Label,
                layers,
                [.. answers.Select(answer => answer.VisualTokens == 0 ? 0 : Math.Min(layers, 1 + answer.VisualTokensByLayer.Count(tokens => tokens > 0)))],
                judged ? answers.Zip(items).Average(pair => Evaluator.IsRight(pair.First.Text, pair.Second.Answer!) ? 1.0 : 0) : null);
        }
    }

    // An exit after the last layer has no layer behind it to compare: then the first that hardly changes an answer, or the middle.
    private static int ComparedExit(AttentionStages stages, ExitSweep? sweep, int layers)
        => new[] { stages.SuggestedExit, sweep?.FirstKeeping(MostAnswers) ?? layers }.Where(layer => layer < layers - 1).DefaultIfEmpty(layers / 2).First();

    private static AttentionProfile Profile(LlavaModel model, LlavaSequence prompt, int? exit, CancellationToken cancellationToken)
    {
        using (prompt)
        {
            Decoder decoder = model.Decoder;
            using AttentionRecorder recorder = new(decoder.Info.Layers);
            HookTable? table = exit is { } layer ? HookTableBuilder.Build(decoder.Info, [new ForcedExit(layer)]) : null;
            using RequestContext request = new(decoder.Info, [prompt.Layout], table, recorder, new KvCache(decoder.Info.Layers, 1, 0));
            using ForwardState state = decoder.Begin(request, DecoderPhase.Prefill, [prompt.Layout]);
            decoder.Run(state, prompt.Rows.clone(), cancellationToken).Dispose();
            return recorder.Profile;
        }
    }

    private static MetricSeries Series(string name, IReadOnlyList<string> columns, List<AttentionProfile> profiles, Func<AttentionProfile, double[][]> values)
        => MetricSeries.Of(name, columns, [.. profiles.Select(values)]);

    private static double[][] Entropies(AttentionProfile profile)
        => [.. profile.TextEntropy.Select((_, layer) => new[]
        {
            profile.TextEntropy[layer], profile.LastEntropy[layer], profile.TextEntropyBehind[layer], profile.LastEntropyBehind[layer],
        })];
}
