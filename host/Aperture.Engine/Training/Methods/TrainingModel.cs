using System.Security.Cryptography;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Requests;
using Aperture.Tasks;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>A model with labelled conversations, as methods are trained on it by the rules of its family. Owns what was unfrozen; borrows the model.</summary>
public sealed class TrainingModel : ITrainingModel, IDisposable
{
    private const string DecoderPrefix = "model.", Head = "lm_head";

    private readonly IModelTraining _rules;
    private readonly IReadOnlyList<TrainingExample> _examples;
    private readonly LabelledPrompt[] _prompts;
    private readonly SeenPictures _pictures;
    private readonly Decoder _frozen;
    private readonly Dictionary<string, Tensor> _leaves = new(StringComparer.Ordinal);

    /// <summary>Prepares training data for a model.</summary>
    /// <param name="model">The model; borrowed.</param>
    /// <param name="examples">The labelled conversations.</param>
    /// <param name="outputFolder">Where trained files go; created if absent.</param>
    /// <exception cref="ApertureException">There are no samples, one cannot be labelled, or models of this family are not trained.</exception>
    public TrainingModel(Model model, IReadOnlyList<TrainingExample> examples, string outputFolder)
    {
        if (examples.Count == 0)
        {
            throw new ApertureException("There are no samples to train on; give a file with at least one question and answer.");
        }

        Model = model;
        if (model.IsRewritten)
        {
            throw new ApertureException(
                $"{model.Name} is quantised or has an adapter merged in; training writes a checkpoint beside plain weights alone: save the model with plain "
                + "weights first.");
        }

        if (model.Ops.Weights != WeightFormat.Stored)
        {
            string format = model.Ops.Weights.ToString().ToLowerInvariant();
            throw new ApertureException($"{model.Name} is open with weights in {format}, which have no gradients; leave --weights (Weights) out to train.");
        }

        _rules = model.Training ?? throw new ApertureException($"{model.Name} is a {model.Family} model, and models of this family cannot be trained here.");
        _examples = examples;
        _prompts = [.. examples.Select(Label)];
        OutputFolder = Path.GetFullPath(outputFolder);
        Files = new MethodFiles(model);
        Rows = _rules.Rows;
        _pictures = new SeenPictures(See);
        _frozen = model.Decoder.ForTraining();
    }

    /// <summary>
    /// Rows of every sequence, where not the family's own number: shorter ones are padded, longer ones cut; 0 where sequences keep their lengths.
    /// </summary>
    public int Rows { get; init; }

    /// <inheritdoc />
    public DecoderInfo Decoder => Model.Decoder.Info;

    /// <inheritdoc />
    public int VisionChannels => Model.Encoder.Channels;

    /// <inheritdoc />
    public IMethodFiles Files { get; }

    /// <inheritdoc />
    public string OutputFolder { get; }

    /// <inheritdoc />
    public int Samples => _examples.Count;

    /// <summary>The model, whose turn a training takes.</summary>
    internal Model Model { get; }

    /// <summary>Token ids of each sample; pictures count one.</summary>
    internal IReadOnlyList<int> Lengths => [.. _prompts.Select(prompt => prompt.Ids.Length)];

    /// <summary>The id whose embedding fills shorter sequences.</summary>
    internal int PadId => _rules.PadId;

    /// <summary>A name for model and samples together, by which a continued run knows that it is the same.</summary>
    internal string Fingerprint
    {
        get
        {
            string text = string.Join(
                '\n',
                _examples.Select(example => example.Id + '\t' + example.Image + '\t' + string.Join('\t', example.Messages.Select(message => message.Value))));
            return Model.Name + " " + Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text)).AsSpan(0, 8));
        }
    }

    /// <inheritdoc />
    public IReadOnlyDictionary<string, Tensor> Unfreeze(Func<string, bool> wanted)
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
    public IReadOnlyList<string> SaveCheckpoint(IReadOnlyDictionary<string, Tensor> added, Func<string, bool>? left = null)
        => _rules.Save(new TrainedModel(Model.Folder, OutputFolder, _leaves, added, left ?? (_ => false)));

    /// <summary>Disposes what was unfrozen and seen.</summary>
    public void Dispose()
    {
        _pictures.Dispose();
        _frozen.Dispose();
        foreach (Tensor leaf in _leaves.Values)
        {
            leaf.Dispose();
        }

        _leaves.Clear();
    }

    /// <summary>The samples of a step.</summary>
    /// <param name="samples">Their indices.</param>
    /// <param name="cancellationToken">Checked while pictures are encoded.</param>
    /// <returns>The batch; the caller disposes it.</returns>
    internal TrainingBatch Batch(int[] samples, CancellationToken cancellationToken)
    {
        (Decoder decoder, IProjector projector, IVisionEncoder encoder) = Thaw();
        return new TrainingBatch(
            this, [.. samples.Select(sample => new TrainingSample(_prompts[sample], _examples[sample].Image))], decoder, projector, encoder,
            cancellationToken)
        {
            OwnsDecoder = decoder != _frozen,
            OwnsProjector = projector != Model.Projector,
            OwnsEncoder = encoder != Model.Encoder,
        };
    }

    /// <summary>Pictures as the frozen encoder sees them; borrowed until the next call.</summary>
    internal IReadOnlyDictionary<string, Seen> Seen(IEnumerable<string> paths, CancellationToken cancellationToken) => _pictures.Load(paths, cancellationToken);

    // Not in inference mode: what was seen meets gradients.
    private Seen See(Images.Image image, CancellationToken cancellationToken)
    {
        using IDisposable quiet = no_grad();
        RequestPath path = new(Model, null);
        using RequestContext request = path.Begin(1, null, cancellationToken);
        return path.See(request, [image]);
    }

    private LabelledPrompt Label(TrainingExample example)
    {
        PromptMessage[] messages =
        [
            .. example.Messages.Select(
                (message, i)
                    => new PromptMessage(message.IsUser ? PromptRole.User : PromptRole.Assistant, message.Value, i == 0 && example.Image is not null ? 1 : 0)),
        ];
        LabelledPrompt prompt;
        try
        {
            prompt = Model.Prompts.Label(messages);
        }
        catch (ApertureException error)
        {
            throw new ApertureException($"Sample '{example.Id}': {error.Message}", error);
        }

        return prompt.Labels.All(label => label < 0)
            ? throw new ApertureException($"Sample '{example.Id}' has no answer tokens to learn; check its messages.")
            : prompt;
    }

    // The weights as they are now, in the type computed in, with gradients to what was unfrozen. What is frozen stays the model's own.
    private (Decoder Decoder, IProjector Projector, IVisionEncoder Encoder) Thaw()
    {
        if (_leaves.Count == 0)
        {
            return (_frozen, Model.Projector, Model.Encoder);
        }

        Dictionary<string, Tensor> all = Parameters()
            .ToDictionary(parameter => parameter.Name, parameter => _leaves.GetValueOrDefault(parameter.Name, parameter.Tensor), StringComparer.Ordinal);
        Ops ops = Model.Ops;
        using ParameterSource source = new(all, ops.Type);
        IProjector projector = Model.Projector.Over(source);
        IVisionEncoder encoder = Model.Encoder is ITrainableEncoder own && own.Named().Any(parameter => _leaves.ContainsKey(parameter.Name))
            ? own.Over(source.Where(own.Named().Select(parameter => parameter.Name).ToHashSet().Contains))
            : Model.Encoder;
        if (!_rules.TrainsDecoder)
        {
            return (_frozen, projector, encoder);
        }

        DecoderWeights weights = DecoderWeights.Load(source, DecoderPrefix, Head, Model.Decoder.Spec, new WeightPolicy(ops.Device, ops.Type, ops.Type));
        return (new Decoder(Model.Decoder.Spec, weights, ops.ForTraining(), Decoder), projector, encoder);
    }

    // A tied output matrix is the embedding table and has no name of its own.
    private IEnumerable<(string Name, Tensor Tensor)> Parameters()
    {
        bool tied = Model.Decoder.Spec.TiedEmbeddings;
        IEnumerable<(string, Tensor)> decoder = _rules.TrainsDecoder
            ? Model.Decoder.Weights.Named(DecoderPrefix, Head).Where(parameter => !tied || parameter.Name != Head + ".weight")
            : [];
        return decoder.Concat(Model.Projector.Named()).Concat(Model.Encoder is ITrainableEncoder encoder ? encoder.Named() : []);
    }

    // A float32 leaf with a parameter's values.
    private static Tensor Leaf(Tensor parameter)
    {
        using IDisposable quiet = no_grad();
        Tensor leaf = empty(parameter.shape, dtype: ScalarType.Float32, device: parameter.device).DetachFromDisposeScope();
        leaf.copy_(parameter);
        leaf.requires_grad = true;
        return leaf;
    }
}

/// <summary>A sample of a training batch.</summary>
/// <param name="Prompt">Token ids with labels.</param>
/// <param name="Image">Full path of its picture; null for a sample without one.</param>
internal sealed record TrainingSample(LabelledPrompt Prompt, string? Image);
