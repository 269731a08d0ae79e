using System.Text.Json.Nodes;
using Aperture.Decoding;
using Aperture.Diffusion;
using Aperture.Plugins.DtNet.Data;
using Aperture.Plugins.DtNet.Model;
using Aperture.Plugins.DtNet.Paths;
using Aperture.Plugins.DtNet.Search;
using Aperture.Tasks;
using Aperture.Text;
using Aperture.Training;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Training;

/// <summary>Trains a DTNet by cross-entropy or self-critically, all of it but the position table. Owns model, samples and checkpoint.</summary>
internal sealed class CaptionTraining : ITaskTraining
{
    private readonly CaptionModel _model;
    private readonly CaptionSamples _samples;
    private readonly Vocabulary _vocabulary;
    private readonly CaptionTrainingOptions _options;
    private readonly IWeightSource _source;
    private readonly string _outputFolder;
    private readonly Cider? _cider;

    private CaptionTraining(
        CaptionModel model, CaptionSamples samples, Vocabulary vocabulary, CaptionTrainingOptions options, IWeightSource source, int count, string outputFolder)
    {
        (_model, _samples, _vocabulary, _options, _source, _outputFolder) = (model, samples, vocabulary, options, source, outputFolder);
        Plan = options.PlanFor(count);
        Parameters = model.Trained.ToDictionary(pair => pair.Name, pair => pair.Tensor.requires_grad_(true), StringComparer.Ordinal);
        State = model.State.ToDictionary(pair => pair.Name, pair => pair.Tensor, StringComparer.Ordinal);
        _cider = options.IsSelfCritical ? new Cider(samples.References) : null;
    }

    public TrainingPlan Plan { get; }

    public IReadOnlyDictionary<string, Tensor> Parameters { get; }

    public IReadOnlyDictionary<string, Tensor> State { get; }

    private SpecialWords Special => _vocabulary.Specials;

    /// <summary>Prepares a run.</summary>
    /// <inheritdoc cref="ITrainedTask.BeginTraining"/>
    public static CaptionTraining Begin(
        string checkpoint, IReadOnlyList<TaskSample> samples, CaptionTrainingOptions options, Device device, IMethodFiles files, string outputFolder)
    {
        List<IDisposable> owned = [];
        T Own<T>(T part)
            where T : IDisposable
        {
            owned.Add(part);
            return part;
        }

        try
        {
            IWeightSource source = Own(DtNetFactory.OpenWeights(checkpoint));
            CaptionConfig config = CaptionConfig.Read(source);
            Vocabulary vocabulary = DtNetFactory.FindVocabulary(options.Vocabulary, files);
            DtNetFactory.CheckVocabulary(vocabulary, config, source);
            config = config with { Special = vocabulary.Specials };
            if (options.LongestCaption > config.LongestCaption)
            {
                throw new ApertureException(
                    $"{DtNetFactory.CaptionerName}: LongestCaption is {options.LongestCaption}, but the checkpoint's position table ends at "
                    + $"{config.LongestCaption}.");
            }

            FeatureFile? features = options.Features is { } file ? Own(FeatureFile.Open(files.Resolve(file), options.FeatureKey)) : null;
            PictureTower? tower = options.Tower is { } folder ? Own(PictureTower.Open(files.Resolve(folder), device)) : null;
            CaptionSamples read = new(samples, options.Words, features, tower, config);
            CaptionModel model = Own(CaptionModel.Load(source, config, WeightPolicy.For(device, ScalarType.Float32, ScalarType.Float32), trainable: true));
            return new CaptionTraining(model, read, vocabulary, options, source, samples.Count, outputFolder);
        }
        catch
        {
            owned.AsEnumerable().Reverse().ToList().ForEach(part => part.Dispose());
            throw;
        }
    }

    public TrainingStep Step(int step, IReadOnlyList<int> samples, CancellationToken cancellationToken)
    {
        using DisposeScope scope = NewDisposeScope();
        manual_seed(unchecked((Plan.Seed * 1_000_003) + step));
        Regularisation training = new(_options.Dropout);
        RoutePlan plan = new(_options.Route, Seed: step); // random paths are other ones in each step
        TaskRun run = new() { Cancellation = cancellationToken };
        Tensor features = Features(samples, step);
        (Tensor loss, Dictionary<string, double> metrics)
            = _options.IsSelfCritical ? SelfCritical(features, samples, plan, training, run) : CrossEntropy(features, samples, plan, training, run);
        return new TrainingStep(loss.MoveToOuterDisposeScope(), metrics);
    }

    public TrainingResult Save()
    {
        TrainingResult written = CaptionExport.Write(_outputFolder, _model, _vocabulary, _options.SaveHalf);
        JsonObject options = [];
        if (_options.Tower is { } tower)
        {
            options[nameof(DtNetOptions.Tower)] = tower;
        }

        if (_options.LongestCaption != DtNetCaptioner.UsualCaption)
        {
            options[nameof(DtNetOptions.LongestCaption)] = _options.LongestCaption;
        }

        TaskSettings settings = new(DtNetFactory.CaptionerName, Path.GetFileName(written.Files[0]), options);
        return written with { Files = [.. written.Files, settings.Write(_outputFolder)] };
    }

    public void Dispose()
    {
        _model.Dispose();
        _samples.Dispose();
        _source.Dispose();
    }

    private Tensor Features(IReadOnlyList<int> samples, int step)
    {
        Tensor features = tensor(samples.SelectMany(_samples.Features).ToArray(), [samples.Count, _model.Config.Cells, _model.Config.Features]);
        if (_options.Augment)
        {
            features = FeatureAugmentation.Run(features, new NumpyRandom(unchecked((uint)((Plan.Seed * 7_368_787) + step))));
        }

        return features.to(_model.Device); // [B, N, channels]
    }

    private (Tensor Loss, Dictionary<string, double> Metrics) CrossEntropy(
        Tensor features, IReadOnlyList<int> samples, RoutePlan plan, Regularisation training, TaskRun run)
    {
        // Captions of one picture follow each other, and the picture is encoded once for all of them: as many captions of each sample as the fewest have.
        int each = samples.Min(sample => _samples.Captions(sample).Count);
        int[][] captions =
        [
            .. samples.SelectMany(sample => _samples.Captions(sample).Take(each))
                .Select(words => _vocabulary.Encode([.. words.Take(_options.LongestCaption - 1)])),
        ];
        int longest = captions.Max(caption => caption.Length);
        long[] padded = [.. captions.SelectMany(ids => ids.Select(id => (long)id).Concat(Enumerable.Repeat((long)Special.Padding, longest - ids.Length)))];
        Tensor batch = tensor(padded, [captions.Length, longest]).to(_model.Device); // [captions, T]
        EncodedGrid encoded = _model.Encoder.Run(features, plan, training, run);
        Tensor spoken = _model.Decoder.Run(batch.narrow(1, 0, longest - 1), encoded, training, run);
        Tensor loss = CaptionLosses.CrossEntropy(spoken, batch, Special.Padding);
        return (loss, []);
    }

    private (Tensor Loss, Dictionary<string, double> Metrics) SelfCritical(
        Tensor features, IReadOnlyList<int> samples, RoutePlan plan, Regularisation training, TaskRun run)
    {
        using CaptionEnsemble ensemble = new([_model], features, plan, training, run);
        SearchResult found = BeamSearch.Run(ensemble, _options.Beams, _options.LongestCaption);
        double[] reward = Reward(found.Ids, samples);
        Tensor rewards = tensor(reward, [samples.Count, _options.Beams]).to(ScalarType.Float32, _model.Device); // [B, beams]
        return (CaptionLosses.SelfCritical(found.LogProbabilities, rewards), new Dictionary<string, double> { ["reward"] = reward.Average() });
    }

    private double[] Reward(Tensor ids, IReadOnlyList<int> samples)
    {
        long[] words = ids.cpu().data<long>().ToArray();
        int steps = (int)ids.size(2);
        CaptionedItem[] items =
        [
            .. words.Chunk(steps).Select((caption, row) => new CaptionedItem(
                row.ToString(), _vocabulary.Decode(caption, dropRepeats: false), _samples.ReferencesOf(samples[row / _options.Beams]))),
        ];
        return [.. _cider!.ScoreAll(items).Each];
    }
}
