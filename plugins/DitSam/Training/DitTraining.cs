using System.Text.Json.Nodes;
using Aperture.Files;
using Aperture.Plugins.DitSam.Dit;
using Aperture.Plugins.DitSam.Sam;
using Aperture.Tasks;
using Aperture.Text;
using Aperture.Training;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Training;

/// <summary>A training of a DIT, from a DIT or from a SAM and a BERT. Owns the objective and the means.</summary>
internal sealed class DitTraining : ITaskTraining
{
    private const string WeightsFile = "dit.safetensors", Vocabulary = "vocab.txt";
    private const long Apart = 1_000_003;

    private readonly DitObjective _objective;
    private readonly IReadOnlyList<DitSample> _samples;
    private readonly DitTrainingOptions _options;
    private readonly DitText _text;
    private readonly string _tokenizer, _outputFolder;
    private readonly MovingMeans? _means;
    private readonly int _side;

    private DitTraining(
        DitObjective objective, IReadOnlyList<DitSample> samples, DitTrainingOptions options, DitText text, string tokenizer, string outputFolder)
    {
        (_objective, _samples, _options, _text, _tokenizer, _outputFolder) = (objective, samples, options, text, tokenizer, outputFolder);
        _side = DitSegmenter.SideOf(objective.Model.Config.Sam, options.ImageSize);
        Plan = options.PlanFor(samples.Count);
        _means = options.Ema > 0 ? new MovingMeans(objective.Trained, options.Ema) : null;
    }

    public TrainingPlan Plan { get; }

    public IReadOnlyDictionary<string, Tensor> Parameters => _objective.Trained;

    public IReadOnlyDictionary<string, Tensor> State => _means?.State ?? new Dictionary<string, Tensor>();

    /// <summary>Prepares a training.</summary>
    /// <param name="checkpoint">A DIT, or a SAM.</param>
    /// <param name="samples">The samples.</param>
    /// <param name="options">The user's options.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="files">Finds text encoder and tokenizer.</param>
    /// <param name="outputFolder">Where the result goes.</param>
    public static DitTraining Begin(
        string checkpoint, IReadOnlyList<TaskSample> samples, DitTrainingOptions options, Device device, IMethodFiles files, string outputFolder)
    {
        IReadOnlyList<DitSample> read = DitSample.Read(samples);
        DitParameters parameters = Start(checkpoint, options, files);
        IDisposable owner = parameters;
        try
        {
            DitObjective objective = new(parameters, DitConfig.Read(parameters.Source, options.ModelOptions), device);
            owner = objective;
            string tokenizer = options.Tokenizer is { } name ? files.Resolve(name) : files.ModelFolder ?? ".";
            return new DitTraining(objective, read, options, new DitText(tokenizer, objective.Model.Config, options.MaxTokens), tokenizer, outputFolder);
        }
        catch
        {
            owner.Dispose();
            throw;
        }
    }

    public TrainingStep Step(int step, IReadOnlyList<int> samples, CancellationToken cancellationToken)
    {
        _means?.Follow(step);
        using DisposeScope scope = NewDisposeScope();
        manual_seed(unchecked((Plan.Seed * Apart) + step));
        Random random = new(unchecked((int)((Plan.Seed * Apart) + step)));
        List<(Tensor Pixels, Tensor Mask, string Sentence)> drawn = [];
        foreach (int sample in samples)
        {
            cancellationToken.ThrowIfCancellationRequested();
            drawn.Add(_samples[sample].Draw(_side, random, _options.Augment, _options.Mirror));
        }

        (Tensor ids, Tensor mask) = EncoderText.Batch([.. drawn.Select(one => _text.Encode(one.Sentence))]);
        (Tensor loss, double overlap) = _objective.Run(
            cat([.. drawn.Select(one => one.Pixels)], 0), ids, mask, cat([.. drawn.Select(one => one.Mask)], 0), _options.Loss, _options.Dropout,
            cancellationToken);
        return new TrainingStep(loss.MoveToOuterDisposeScope(), new Dictionary<string, double> { ["IoU"] = overlap });
    }

    public TrainingResult Save()
    {
        _means?.Follow(Plan.Steps);
        string weights = Path.Combine(_outputFolder, WeightsFile), vocabulary = Path.Combine(_tokenizer, Vocabulary);
        SafetensorsWriter.Save(weights, _objective.With(_means?.Means ?? Parameters), half: _options.SaveHalf);
        List<string> files = [weights];
        if (File.Exists(vocabulary))
        {
            files.Add(Path.Combine(_outputFolder, Vocabulary));
            AtomicFile.Write(files[^1], File.ReadAllBytes(vocabulary));
        }

        files.Add(new TaskSettings(DitFactory.SegmenterName, WeightsFile, OpeningOptions()).Write(_outputFolder));

        return new TrainingResult([$"open it with Tasks.Load<ISegmenter>(\"{_outputFolder}\")"], files);
    }

    public void Dispose()
    {
        _means?.Dispose();
        _objective.Dispose();
    }

    // What the tensors do not tell about how the model is opened.
    private JsonObject OpeningOptions()
    {
        JsonObject options = new() { [nameof(DitOptions.Variant)] = _objective.Model.Config.Variant.ToString() };
        void Add(string name, JsonNode? value, bool counts)
        {
            if (counts && value is not null)
            {
                options[name] = value;
            }
        }

        DitOptions own = _options.ModelOptions;
        Add(nameof(own.TextHeads), own.TextHeads, true);
        Add(nameof(own.DecoderHeads), own.DecoderHeads, true);
        Add(nameof(own.MaxTokens), own.MaxTokens, true);
        Add(nameof(own.ImageSize), own.ImageSize, true);
        Add(nameof(own.BertLayers), own.BertLayers, own.BertLayers != new DitOptions().BertLayers);
        Add(nameof(own.EditMode), own.EditMode.ToString(), own.EditMode != EndToEndMode.Code);
        return options;
    }

    private static DitParameters Start(string checkpoint, DitTrainingOptions options, IMethodFiles files)
    {
        using IWeightSource file = SamFactory.OpenWeights(checkpoint);
        List<IWeightSource> sources = [DitKeys.UnderSamNames(file)];
        if (!file.Contains(SamKeys.ScoreToken))
        {
            throw new ApertureException($"{DitFactory.SegmenterName}: '{checkpoint}' is neither a SAM nor a DIT: it has no {SamKeys.ScoreToken}.");
        }

        if (!file.Contains(DitKeys.Bert + "embeddings.word_embeddings.weight") && options.Bert is null)
        {
            throw new ApertureException(
                $"{DitFactory.SegmenterName}: this checkpoint has no text encoder; name one as Bert, such as a bert-base-uncased's pytorch_model.bin.");
        }

        using IWeightSource? bert = options.Bert is { } name ? SamFactory.OpenWeights(files.Resolve(name)) : null;
        if (bert is not null)
        {
            sources.Add(BertUnderDitNames(bert));
        }

        using TensorWeights missing = DitStart.Missing(
            new CombinedWeights(sources, ownsSources: false), options.Variant, options.MaxTokens ?? DitText.DefaultRows, options.Seed ?? 0);
        return new DitParameters(sources.Append(missing), options.BertLayers, options.Freeze);
    }

    // A BERT alone, whose names may begin with "bert.", without heads of other tasks.
    private static IWeightSource BertUnderDitNames(IWeightSource bert)
    {
        const string Own = "bert.";
        return bert.Rename(name =>
        {
            string bare = name.StartsWith(Own, StringComparison.Ordinal) ? name[Own.Length..] : name;
            bool belongs = bare.StartsWith("embeddings.", StringComparison.Ordinal) || bare.StartsWith("encoder.", StringComparison.Ordinal)
                || bare.StartsWith("pooler.", StringComparison.Ordinal);
            return belongs ? DitKeys.Bert + bare : null;
        });
    }
}
