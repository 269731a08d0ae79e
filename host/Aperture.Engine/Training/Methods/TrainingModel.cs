using Aperture.Decoding;
using Aperture.Engine;
using Aperture.Models;
using Aperture.Plugins;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>A LLaVA model with labelled conversations, as methods are trained on it. Owns what was unfrozen; borrows the model.</summary>
public sealed class TrainingModel : TrainingSet
{
    private const string DecoderPrefix = "model.", Head = "lm_head";

    private readonly LlavaModel _model;
    private readonly LabelledPrompt[] _prompts;
    private readonly IReadOnlyList<TrainingExample> _examples;
    private readonly FeatureStore _features;
    private readonly Decoder _frozen;
    private readonly Dictionary<string, Tensor> _leaves = new(StringComparer.Ordinal);

    /// <summary>Prepares training data for a model.</summary>
    /// <param name="model">The model; borrowed.</param>
    /// <param name="examples">The labelled conversations.</param>
    /// <param name="outputFolder">Where trained files go; created if absent.</param>
    /// <exception cref="ApertureException">There are no samples, or one cannot be labelled.</exception>
    public TrainingModel(LlavaModel model, IReadOnlyList<TrainingExample> examples, string outputFolder)
    {
        if (examples.Count == 0)
        {
            throw new ApertureException("There are no samples to train on; give a file with at least one question and answer.");
        }

        _model = model;
        _examples = examples;
        _prompts = [.. examples.Select(example => LabelledPrompt.Create(model, example))];
        if (Array.FindIndex(_prompts, prompt => prompt.Labels.All(label => label < 0)) is >= 0 and var empty)
        {
            throw new ApertureException($"Sample '{examples[empty].Id}' has no answer tokens to learn; check its messages.");
        }

        OutputFolder = Path.GetFullPath(outputFolder);
        Files = new MethodFiles(model);
        _features = new FeatureStore(model);
        _frozen = model.Decoder.ForTraining();
    }

    /// <inheritdoc />
    public override DecoderInfo Decoder => _model.Decoder.Info;

    /// <inheritdoc />
    public override IMethodFiles Files { get; }

    /// <inheritdoc />
    public override string OutputFolder { get; }

    /// <inheritdoc />
    public override int Samples => _examples.Count;

    internal override VisionLanguageModel Base => _model;

    internal override IReadOnlyList<int> Lengths => [.. _prompts.Select(prompt => prompt.Ids.Length)];

    internal override string Fingerprint => FingerprintOf(_model.Name, _examples);

    internal LlavaModel Model => _model;

    internal IReadOnlyDictionary<string, Tensor> Leaves => _leaves;

    /// <inheritdoc />
    public override IReadOnlyDictionary<string, Tensor> Unfreeze(Func<string, bool> wanted)
    {
        Dictionary<string, Tensor> chosen = new(StringComparer.Ordinal);
        foreach ((string name, Tensor tensor) in Parameters().Where(parameter => wanted(parameter.Name)))
        {
            if (!_leaves.TryGetValue(name, out Tensor? leaf))
            {
                leaf = Leaf(tensor);
                _leaves[name] = leaf;
            }

            chosen[name] = leaf;
        }

        return chosen;
    }

    /// <inheritdoc />
    public override IReadOnlyList<string> SaveCheckpoint(IReadOnlyDictionary<string, Tensor> added, Func<string, bool>? left = null)
        => CheckpointFolder.Write(_model, OutputFolder, _leaves, added, left ?? (_ => false));

    internal override IOwnedBatch Batch(int[] samples, CancellationToken cancellationToken)
    {
        IReadOnlyDictionary<string, VisionFeatures> features = _features.Load(samples.Select(sample => _examples[sample].Image).OfType<string>(), cancellationToken);
        return new TrainingBatch(
            _model.Config,
            [.. samples.Select(sample => (_prompts[sample], _examples[sample].Image is { } path ? features[path] : null))],
            _leaves.Count == 0 ? _frozen : null,
            this);
    }

    /// <summary>The weights as they are now, in the type computed in, with gradients to what was unfrozen.</summary>
    internal (Decoder Decoder, Projector Projector) Thaw()
    {
        Dictionary<string, Tensor> all = Parameters().ToDictionary(parameter => parameter.Name, parameter => parameter.Tensor, StringComparer.Ordinal);
        foreach ((string name, Tensor leaf) in _leaves)
        {
            all[name] = leaf;
        }

        LlavaConfig config = _model.Config;
        Ops ops = _model.Ops;
        using ParameterSource source = new(all, ops.Type);
        WeightPolicy policy = new(ops.Device, ops.Type, ops.Type);
        DecoderWeights weights = DecoderWeights.Load(source, DecoderPrefix, Head, config.Decoder, policy);
        int layers = _model.Projector.Layers.Count;
        Projector projector = Projector.Load(
            source, ProjectorNames(layers), layers == 0 ? 0 : _model.Projector.Layers[0].Inputs, config.Decoder.HiddenSize, config.ProjectorActivation, config.ProjectorBias, policy);
        return (new Decoder(config.Decoder, weights, ops.ForTraining(), Decoder), projector);
    }

    private protected override void Release()
    {
        _features.Dispose();
        _frozen.Dispose();
        foreach (Tensor leaf in _leaves.Values)
        {
            leaf.Dispose();
        }

        _leaves.Clear();
    }

    // Decoder and projector under the names of LLaVA's own layout. A tied output matrix is the embedding table and has no name of its own.
    private IEnumerable<(string Name, Tensor Tensor)> Parameters()
    {
        bool tied = _model.Config.Decoder.TiedEmbeddings;
        IEnumerable<(string, Tensor)> decoder = _model.Decoder.Weights.Named(DecoderPrefix, Head).Where(parameter => !tied || parameter.Name != Head + ".weight");
        string[] own = ProjectorNames(_model.Projector.Layers.Count);
        IEnumerable<(string, Tensor)> projector = own.SelectMany((name, layer) =>
        {
            LinearWeights linear = _model.Projector.Layers[layer];
            return linear.Bias is { } bias ? new[] { (name + ".weight", linear.Weight), (name + ".bias", bias) } : [(name + ".weight", linear.Weight)];
        });
        return decoder.Concat(projector);
    }

    private static string[] ProjectorNames(int layers)
        => layers == 1 ? ["model.mm_projector"] : [.. Enumerable.Range(0, layers).Select(layer => $"model.mm_projector.{2 * layer}")];
}
