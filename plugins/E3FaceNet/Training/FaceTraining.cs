using System.Text.Json;
using Aperture.Diffusion;
using Aperture.Plugins.E3FaceNet.Cameras;
using Aperture.Plugins.E3FaceNet.Fields;
using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Plugins.E3FaceNet.Synthesis;
using Aperture.Plugins.E3FaceNet.Text;
using Aperture.Tasks;
using Aperture.Training;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Training;

/// <summary>
/// Trains generator and discriminator against each other, on true views, or on both. A step first changes the discriminator, then gives the generator's loss.
/// Owns its models.
/// </summary>
internal sealed class FaceTraining : ITaskTraining
{
    private const string GeneratorFile = "face.safetensors", DiscriminatorFile = "discriminator.safetensors", TextPrefix = "text.";
    private const double PathDecay = 0.01;
    private const int PathShrink = 2; // path lengths look at half of a batch

    private readonly FaceModel _model;
    private readonly FaceDiscriminator? _judge;
    private readonly FaceText _text;
    private readonly FaceMatching? _matching;
    private readonly FacePhotos _photos;
    private readonly FaceTrainingOptions _options;
    private readonly ViewSupervision? _supervision;
    private readonly DiscriminatorOptimizer? _optimizer;
    private readonly MovingMeans _means; // the generator, followed slowly: what is written in the end
    private readonly Tensor _usualPath;
    private readonly IReadOnlyList<IDisposable> _owned;
    private readonly string _outputFolder;

    private FaceTraining(
        FaceModel model, FaceDiscriminator? judge, FaceText text, FaceMatching? matching, FacePhotos photos, TrueViews? views, FaceTrainingOptions options,
        IReadOnlyList<IDisposable> owned, string output)
    {
        (_model, _judge, _text, _matching, _photos, _options, _owned, _outputFolder) = (model, judge, text, matching, photos, options, owned, output);
        Plan = options.PlanFor(photos.Count);
        _supervision = views is null ? null : new ViewSupervision(model, text, photos, views, options);
        Parameters = model.Tensors.Where(pair => !FaceModel.IsBuffer(pair.Key))
            .Concat(options.TrainText ? text.Tensors.Select(pair => KeyValuePair.Create(TextPrefix + pair.Key, pair.Value)) : [])
            .ToDictionary(pair => pair.Key, pair => pair.Value.requires_grad_(true), StringComparer.Ordinal);
        _optimizer = judge is null ? null : new DiscriminatorOptimizer(judge);
        _means = new MovingMeans(Parameters, Math.Pow(0.5, Plan.BatchSize / (1000 * options.HalfLife)), rises: false);
        _usualPath = zeros([], device: model.Device).DetachFromDisposeScope();
        State = new Dictionary<string, Tensor>(
        [
            .. model.Buffers.Select(name => KeyValuePair.Create(name, model.Tensors[name])),
            .. (judge?.Tensors ?? new Dictionary<string, Tensor>()).Select(pair => KeyValuePair.Create("D." + pair.Key, pair.Value)),
            .. (_optimizer?.Squares ?? []).Select(entry => KeyValuePair.Create("D.squares." + entry.Name, entry.Tensor)),
            .. _means.State,
            KeyValuePair.Create("usual_path", _usualPath),
        ]);
    }

    public TrainingPlan Plan { get; }

    public IReadOnlyDictionary<string, Tensor> Parameters { get; }

    public IReadOnlyDictionary<string, Tensor> State { get; }

    /// <summary>Prepares a run.</summary>
    /// <inheritdoc cref="ITrainedTask.BeginTraining"/>
    public static FaceTraining Begin(
        string checkpoint, IReadOnlyList<TaskSample> samples, FaceTrainingOptions options, Device device, IMethodFiles files, string outputFolder)
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
            FaceCheckpoint file = Own(FaceCheckpoint.Open(checkpoint));
            FaceConfig config = FaceConfig.Read(file.Generator);
            if (config.Text == 0)
            {
                throw new ApertureException($"{FaceFactory.GeneratorName}: '{checkpoint}' has no text part to train; start from a generator that has one.");
            }

            FacePhotos photos = new(samples, config.Picture);
            TrueViews? views = options.ViewWeight > 0 ? new(samples, config.Picture, options.DepthWeight > 0, options.EditWeight > 0) : null;
            string clip = FaceFactory.FindClip(options.Clip, files);
            FaceText text = Own(FaceText.Open(
                clip, options.Tokenizer is { } name ? files.Resolve(name) : null, device, options.TrainText));
            FaceFactory.CheckText(text, config);
            for (int sample = 0; sample < photos.Count; sample++)
            {
                text.Check(photos.Sentence(sample), $"the sentence of sample {sample + 1}");
                if (options.EditWeight > 0)
                {
                    text.Check(views!.EditSentence(sample), $"edit_text of sample {sample + 1}");
                }
            }

            FaceModel model = Own(FaceModel.Load(file.Generator, config, device, trainable: true));
            FaceDiscriminator? judge = null;
            FaceMatching? matching = null;
            if (options.AdversarialWeight > 0)
            {
                IWeightSource judging = options.Discriminator is null && file.Discriminator is { } inside
                    ? inside : Own(WeightFiles.Open(files.Resolve(options.Discriminator ?? DiscriminatorFile)));
                judge = Own(FaceDiscriminator.Load(judging, config.Volume, config.Settings.Clamp, device));
                matching = options.ClipWeight == 0 ? null : FaceMatching.Open(clip, device);
                if (matching is null && options.ClipWeight > 0)
                {
                    throw new ApertureException(
                        $"{FaceFactory.GeneratorName}: ClipWeight is {options.ClipWeight}, but '{clip}' is CLIP's text encoder alone; name a whole CLIP.");
                }

                owned.AddRange(matching is null ? [] : [matching]);
            }

            return new FaceTraining(model, judge, text, matching, photos, views, options, owned, outputFolder);
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
        long seed = unchecked((Plan.Seed * 1_000_003) + step);
        using TorchRandom random = new(seed);
        Draws draws = new(random, new NumpyRandom(unchecked((uint)seed)), _model.Device);
        _means.Follow(step);
        Dictionary<string, double> metrics = [];
        Tensor loss = zeros([], device: _model.Device);
        if (_judge is not null)
        {
            loss = loss.add(Adversarial(_judge, step, samples, draws, metrics, cancellationToken));
        }

        if (_supervision is not null)
        {
            (Tensor difference, TrainingPicture made, IReadOnlyDictionary<string, double> told) = _supervision.Run(samples, draws);
            told.ToList().ForEach(pair => metrics[pair.Key] = pair.Value);
            loss = loss.add(difference);
            loss = _judge is null ? loss.add(Regularisation(made, metrics)) : loss;
        }

        return new TrainingStep(loss.MoveToOuterDisposeScope(), metrics);
    }

    public TrainingResult Save()
    {
        _means.Follow(Plan.Steps);
        string generator = Path.Combine(_outputFolder, GeneratorFile), judge = Path.Combine(_outputFolder, DiscriminatorFile);
        Dictionary<string, Tensor> tensors = new([.. _means.Means.Where(pair => !pair.Key.StartsWith(TextPrefix, StringComparison.Ordinal)),
            .. _model.Buffers.Select(name => KeyValuePair.Create(name, _model.Tensors[name]))]);
        List<string> files = [generator];
        if (_judge is not null)
        {
            SafetensorsWriter.Save(judge, _judge.Tensors);
            files.Add(judge);
        }

        if (_options.TrainText)
        {
            files.AddRange(_text.Save(
                Path.Combine(_outputFolder, FaceFactory.ClipFolder),
                _text.Tensors.ToDictionary(pair => pair.Key, pair => _means.Means[TextPrefix + pair.Key], StringComparer.Ordinal), _options.SaveHalf));
        }

        Dictionary<string, string> settings = new()
        {
            [FaceConfig.SettingsKey] = JsonSerializer.Serialize(_model.Config.Settings, FaceJson.Default.FaceSettings),
        };
        SafetensorsWriter.Save(generator, tensors, settings, _options.SaveHalf);
        List<string> summary = [$"open {GeneratorFile}, with CLIP's text encoder beside it or named as Clip"];
        if (_judge is not null && _matching is null)
        {
            summary.Add("trained without CLIP's own loss" + (_options.ClipWeight is null ? ": Clip has no image encoder" : ""));
        }

        return new TrainingResult(summary, files);
    }

    public void Dispose()
    {
        _means.Dispose();
        _usualPath.Dispose();
        _optimizer?.Dispose();
        _owned.Reverse().ToList().ForEach(part => part.Dispose());
    }

    private Tensor Adversarial(
        FaceDiscriminator judge, int step, IReadOnlyList<int> samples, Draws draws, Dictionary<string, double> metrics, CancellationToken cancellationToken)
    {
        metrics["discriminator"] = Judge(judge, step, samples, draws);
        cancellationToken.ThrowIfCancellationRequested();
        (TrainingPicture made, _, Tensor text) = Make(samples.Count, draws);
        Tensor convincing = FaceLosses.Convincing(judge.Run(made.Picture, text)).mean();
        metrics["convincing"] = convincing.item<float>();
        Tensor loss = convincing.mul(_options.AdversarialWeight).add(Regularisation(made, metrics));
        if (_matching is not null)
        {
            Tensor matching = FaceLosses.Matching(_matching.Logits(made.Picture, text, cancellationToken));
            metrics["clip"] = matching.item<float>();
            loss = loss.add(matching, alpha: _options.ClipWeight ?? 1);
        }

        return _options.PathWeight > 0 && step % _options.PathEvery == 0 ? loss.add(PathLoss(samples.Count, draws)) : loss;
    }

    private Tensor Regularisation(TrainingPicture made, Dictionary<string, double> metrics)
    {
        Tensor geometry = _options.Geometry == FaceTrainingOptions.Paper ? FaceLosses.GeometryOfNormals(made.Points) : FaceLosses.Geometry(made.Points);
        metrics["geometry"] = geometry.item<float>();
        Tensor loss = geometry.mul(_options.GeometryWeight);
        loss = made.Offsets.Count > 0 ? loss.add(FaceLosses.OffsetNorm(made.Offsets).mul(_options.OffsetWeight)) : loss;
        return made.PathLoss is { } path ? loss.add(path.mean()) : loss;
    }

    private double Judge(FaceDiscriminator judge, int step, IReadOnlyList<int> samples, Draws draws)
    {
        using DisposeScope scope = NewDisposeScope();
        TrainingPicture made;
        Tensor text;
        using (no_grad())
        {
            (made, _, text) = Make(samples.Count, draws);
        }

        bool steep = step % _options.SteepnessEvery == 0;
        bool[] mirrored = [.. samples.Select(_ => _options.Mirror && draws.Numpy.NextUniform() < 0.5)];
        Tensor real = _photos.Pictures(samples, mirrored).to(_model.Device).requires_grad_(steep);
        _optimizer!.Follow(true);
        try
        {
            Judgement judgement = judge.Run(real, Encode([.. samples.Select(_photos.Sentence)]).Pooled);
            Tensor loss = FaceLosses.Exposing(judge.Run(made.Picture, text)).mean().add(FaceLosses.Convincing(judgement).mean());
            if (steep)
            {
                loss = loss.add(FaceLosses.Steepness(judgement, real, _options.Gamma).mean().mul(_options.SteepnessEvery));
            }

            (double rate, double beta) = _options.DiscriminatorRate(Plan);
            _optimizer.Step(loss, step, rate, beta);
            return loss.item<float>();
        }
        finally
        {
            _optimizer.Follow(false);
        }
    }

    private Tensor PathLoss(int faces, Draws draws)
    {
        (TrainingPicture made, Tensor styles, _) = Make(Math.Max(1, faces / PathShrink), draws);
        Tensor lengths = FaceLosses.PathLength(made.Picture, styles, draws.Normal(made.Picture.shape), _usualPath, PathDecay);
        return lengths.mean().mul(_options.PathWeight * _options.PathEvery);
    }

    // Faces of sentences that are drawn independently of the real pictures.
    private (TrainingPicture Made, Tensor Styles, Tensor Text) Make(int faces, Draws draws)
    {
        FaceConfig config = _model.Config;
        (Tensor pooled, Tensor tokens) = Encode([.. Enumerable.Range(0, faces).Select(_ => _photos.Sentence(draws.Numpy.Next(_photos.Count)))]);
        Tensor style = _model.Mapping.Run(draws.Normal(faces, config.Noise), pooled, training: true);
        Tensor styles = _model.Mapping.Copies(style, config.Styles);
        if (draws.Numpy.NextUniform() < _options.StyleMixing)
        {
            int cut = 1 + draws.Numpy.Next(config.Styles - 1);
            Tensor other = _model.Mapping.Copies(_model.Mapping.Run(draws.Normal(faces, config.Noise), pooled), config.Styles - cut);
            styles = cat([styles.narrow(1, 0, cut), other], 1);
        }

        Tensor world = CameraPose.World(CameraRange.Draw(config.Settings, faces, draws.Numpy, draws.Uniform)).to(_model.Device);
        PromptTables prompt = _model.Prepare(tokens, folded: false);
        TrainingPicture made = new TrainingRenderer(_model, _options.EnhancerStrength).Run(
            styles, new PromptMix(prompt), world, draws.Normal(faces, config.BackgroundNoise), draws);
        return (made, styles, pooled);
    }

    private (Tensor Pooled, Tensor Tokens) Encode(IReadOnlyList<string> sentences)
    {
        using IDisposable quiet = no_grad(); // the adversary never moves the text encoder
        return _text.Encode(sentences, CancellationToken.None);
    }

    // All that a step draws.
    private sealed class Draws(TorchRandom torch, NumpyRandom numpy, Device device) : IRenderNoise
    {
        private readonly TorchNoise _noise = new(torch, device);

        public NumpyRandom Numpy => numpy;

        public Tensor Uniform(params long[] shape) => _noise.Uniform(shape);

        public Tensor Normal(params long[] shape) => _noise.Normal(shape);
    }
}
