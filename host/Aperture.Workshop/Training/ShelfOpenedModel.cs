using Aperture.Decoding;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Requests;
using Aperture.Training;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Workshop;

/// <summary>
/// A model that was opened from a folder, with a vision encoder that can be trained: the small model's stages with another pair of eyes. It begins with the
/// folder's weights and is written in the folder's layout; a method of its own rests meanwhile. Borrows the model.
/// </summary>
internal sealed class ShelfOpenedModel : IShelfModel
{
    private const string Question = "What is in the top left?";

    private readonly Model _model;
    private readonly ITrainableEncoder _encoder;
    private readonly SortedDictionary<string, Tensor> _tensors = new(StringComparer.Ordinal);
    private readonly HashSet<string> _sees;
    private readonly IReadOnlyList<(string Name, Tensor Tensor)> _besideProjector; // parts of the projector that no stage shows anything to

    /// <param name="model">The model.</param>
    /// <param name="tokenizer">The tokenizer that shelves are told with; the model's vocabulary must begin with its words.</param>
    /// <param name="grid">Patches along a side of a picture.</param>
    /// <exception cref="ApertureException">The model cannot be trained so.</exception>
    public ShelfOpenedModel(Model model, ShelfTokenizer tokenizer, int grid)
    {
        _model = model;
        _encoder = model.Encoder as ITrainableEncoder
            ?? throw new ApertureException($"{model.Name}: its vision encoder cannot be trained; name another model.");
        ILookup<bool, (string Name, Tensor Tensor)> projects = model.Projector.Named().ToLookup(parameter => Names.IsProjector(parameter.Name));
        if (model.Training is not { TrainsDecoder: true } || !Names.Projector.All(layer => projects[true].Any(own => own.Name == layer + ".weight")))
        {
            throw new ApertureException(
                $"{model.Name} cannot be trained on shelves: that needs a decoder that learns, and a projector of two layers.");
        }

        _besideProjector = [.. projects[false]];
        Decoder = model.Decoder.Spec;
        if (Decoder.VocabularySize < tokenizer.Count || model.Ops.Device.type != DeviceType.CPU)
        {
            throw new ApertureException(
                $"{model.Name} has {Decoder.VocabularySize} words on {model.Ops.Device}; the stages need the {tokenizer.Count} of the set, on the processor.");
        }

        (string Name, Tensor Tensor)[] sees = [.. _encoder.Named()];
        _sees = [.. sees.Select(parameter => parameter.Name)];
        foreach ((string name, Tensor tensor) in model.Decoder.Weights.Named(Names.Decoder, Names.Head).Concat(projects[true]).Concat(sees))
        {
            using IDisposable quiet = no_grad();
            Tensor leaf = tensor.to_type(ScalarType.Float32, copy: true).DetachFromDisposeScope();
            leaf.requires_grad = true;
            _tensors.Add(name, leaf);
        }

        Patches = new ShelfPatches(grid);
        PromptHead = HeadOf(model, tokenizer);
    }

    public ShelfNames Names { get; } = new("model.", "lm_head", ["model.mm_projector.0", "model.mm_projector.2"]);

    public IReadOnlyDictionary<string, Tensor> Tensors => _tensors;

    public DecoderSpec Decoder { get; }

    public ShelfPatches Patches { get; }

    public Ops Ops => _model.Ops;

    public int[] PromptHead { get; }

    public Tensor Features(byte[][] pictures, int side, bool frozen)
    {
        using IDisposable? quiet = frozen ? no_grad() : null;
        using ParameterSource source = new(_tensors, Ops.Type);
        using IVisionEncoder encoder = _encoder.Over(source.Where(_sees.Contains));
        VisionInput[] inputs = [.. pictures.Select(picture => encoder.Prepare(picture, side, side))];
        try
        {
            IReadOnlyList<VisionFeatures> features = encoder.Encode(inputs, new VisionRequest { Differentiable = !frozen }, CancellationToken.None);
            Tensor rows = stack([.. features.Select(of => of.Tokens)]); // [patches, C] each -> [pictures, patches, C]
            foreach (VisionFeatures of in features)
            {
                of.Dispose();
            }

            return rows.size(1) == Patches.Count
                ? rows
                : throw new ApertureException($"{_model.Name} sees a picture in {rows.size(1)} rows, but the stages need {Patches.Count}.");
        }
        finally
        {
            Array.ForEach(inputs, input => input.Dispose());
        }
    }

    public Tensor Project(Tensor features)
    {
        using ParameterSource trained = new(_tensors, Ops.Type);
        using IWeightSource beside = BorrowedWeights.Of(_besideProjector);
        using CombinedWeights all = new([trained, beside], ownsSources: false);
        using IProjector projector = _model.Projector.Over(all);
        Tensor rows = features.flatten(0, -2); // [pictures, patches, C] -> [pictures patches, C]
        VisualTokens projected = projector.Project(new VisionFeatures(rows, [new VisualSegment((int)rows.size(0))]));
        return projected.Rows.view([.. features.shape[..^1], -1]); // [pictures patches, D] -> [pictures, patches, D]
    }

    public void Write(string folder)
        => _model.Training!.Save(new TrainedModel(_model.Folder, folder, _tensors, new Dictionary<string, Tensor>(), _ => false));

    public void Dispose()
    {
        foreach (Tensor tensor in _tensors.Values)
        {
            tensor.Dispose();
        }
    }

    // What the model's own prompts begin with. What stands behind the picture must be what the stages put there.
    private static int[] HeadOf(Model model, ShelfTokenizer tokenizer)
    {
        // rows of the model's own method rest, as the method does
        bool Rests(int id) => id != model.Packer.ImageToken && model.Packer.StandsForRows(id);
        int[] prompt = [.. model.Prompts.Compose([new PromptMessage(PromptRole.User, Question, 1)]).Where(id => !Rests(id))];
        int[] tail = tokenizer.Encode($"\n{Question} ASSISTANT:");
        return prompt.AsSpan().EndsWith(tail) && prompt.Length > tail.Length
            ? prompt[..^(tail.Length + 1)]
            : throw new ApertureException(
                $"{model.Name} cannot be trained on shelves: its prompts do not end in '<image>\\n{Question} ASSISTANT:'; name a model with LLaVA's.");
    }
}
