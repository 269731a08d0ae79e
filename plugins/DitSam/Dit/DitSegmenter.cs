using Aperture.Decoding;
using Aperture.Images;
using Aperture.Plugins.DitSam.Sam;
using Aperture.Tasks;
using Aperture.Text;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Dit;

/// <summary>A DIT with its vocabulary and its preprocessing. Owns the model, what it stands on, and the sentences that it read.</summary>
internal sealed class DitSegmenter : ISegmenter
{
    private const int PublishedSize = 512;

    private readonly DitModel _model;
    private readonly DitOptions _options;
    private readonly DitText _text;
    private readonly IReadOnlyList<IDisposable> _owned;
    private readonly SentenceCache _sentences = new();
    private readonly int _side;

    private DitSegmenter(DitModel model, DitOptions options, DitText text, IReadOnlyList<IDisposable> owned)
    {
        (_model, _options, _text, _owned) = (model, options, text, owned);
        _side = SideOf(model.Config.Sam, options.ImageSize);
    }

    public string Name => DitFactory.SegmenterName;

    public string Summary
        => $"DIT ({_model.Config.Variant}), image encoder of {_model.Config.Sam.Vision.Layers} blocks of width {_model.Config.Sam.Vision.HiddenSize} at "
            + $"{_side} pixels, sentences of {_text.Rows} rows; sentences, points, boxes and masks.";

    public SegmentPromptKinds Prompts => SegmentPromptKinds.Text | SegmentPromptKinds.Points | SegmentPromptKinds.Box | SegmentPromptKinds.Mask;

    /// <summary>The model.</summary>
    internal DitModel Model => _model;

    /// <summary>Opens a checkpoint.</summary>
    /// <param name="checkpoint">Full path of the file.</param>
    /// <param name="options">The user's options.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="files">Finds the tokenizer.</param>
    /// <exception cref="ApertureException">It is no DIT, damaged, or options do not fit it.</exception>
    public static DitSegmenter Open(string checkpoint, DitOptions options, Device device, IMethodFiles files)
    {
        IWeightSource source = SamFactory.OpenWeights(checkpoint);
        List<IDisposable> owned = [source];
        DitModel? model = null;
        try
        {
            IWeightSource named = DitKeys.UnderSamNames(source);
            DitConfig config = DitConfig.Read(named, options);
            _ = SideOf(config.Sam, options.ImageSize);
            DitText text = new(options.Tokenizer is { } name ? files.Resolve(name) : files.ModelFolder ?? ".", config, options.MaxTokens);
            ScalarType type = options.Dtype.ToScalar();
            WeightPolicy policy = WeightPolicy.InFormat(DitFactory.SegmenterName, options.Format, device, type, owned);
            model = new DitModel(named, config, policy);
            policy.TellWhereNothingGains(DitFactory.SegmenterName, files.Tell);
            return new DitSegmenter(model, options, text, owned);
        }
        catch
        {
            model?.Dispose();
            owned.ForEach(own => own.Dispose());
            throw;
        }
    }

    public IReadOnlyList<IReadOnlyList<SegmentedMask>> Segment(Picture picture, IReadOnlyList<SegmentPrompt> prompts, TaskRun run)
    {
        PromptCheck.Kinds(Name, Prompts, prompts);
        using IDisposable quiet = inference_mode();
        using DisposeScope scope = NewDisposeScope();
        run.Enter("picture");
        Frame frame = Frame.Dit(picture.Width, picture.Height, _side);
        Tensor pixels = frame.Pixels(frame.Resize(Image.FromPicture(picture))).to(_model.Policy.Device);
        run.Value("pixels", pixels);
        run.Enter("vision");
        EmbeddedPicture embedded = _model.Sam.Encoder.Embed(pixels);
        Tensor? shared = null; // where no sentence enters the encoder
        List<IReadOnlyList<SegmentedMask>> found = [];
        foreach (SegmentPrompt prompt in prompts)
        {
            using DisposeScope one = NewDisposeScope();
            run.Enter("text");
            DitSentences? sentence = prompt.Text is { } text ? _sentences.Get(text, () => Read(text, run)) : null;
            run.Enter("vision");
            bool enters = sentence is not null && _model.Instructions.Enters;
            Tensor embedding = enters ? Encode(embedded, sentence, run) : shared ??= Encode(embedded, null, run).MoveToOuterDisposeScope();
            run.Value("embedding", embedding);
            run.Enter("mask");
            PromptTensors tensors = PromptTensors.Of(_model.Sam, prompt, frame, _model.Policy.Device);
            Tensor sparse = sentence is null ? tensors.Sparse : cat([tensors.Sparse, sentence.Prompts], 1);
            DecodedMasks masks = _model.Sam.Decode(embedding, sparse, tensors.Dense, allReadings: false);
            run.Count("mask decoder", 2 * _model.Sam.Decoder.Macs(embedding.size(2) * embedding.size(3)));
            run.Value("logits", masks.Logits);
            Tensor binary = DitMasks.Binary(_model.Upsample(masks.Logits), _options.MaskThreshold);
            // DIT trains no score: it is not a number.
            found.Add(
            [
                new SegmentedMask(
                    DitMasks.ToPicture(binary[0, 0], frame, _options.EvalBinarise), double.NaN, FoundMasks.Single(masks.Logits, Logit(_options.MaskThreshold))),
            ]);
        }

        return found;
    }

    public void Dispose()
    {
        _sentences.Dispose();
        _model.Dispose();
        foreach (IDisposable own in _owned)
        {
            own.Dispose();
        }
    }

    /// <summary>Side of the square that pictures are made into.</summary>
    /// <param name="config">The model's sizes.</param>
    /// <param name="asked">What the user asks for; null for the published size, or the position table's where that is smaller.</param>
    /// <exception cref="ApertureException">It is no multiple of a patch.</exception>
    internal static int SideOf(SamConfig config, int? asked)
    {
        int side = asked ?? Math.Min(PublishedSize, config.Vision.ImageSize), patch = config.Vision.PatchSize;
        return side % patch == 0
            ? side
            : throw new ApertureException(
                $"{DitFactory.SegmenterName}: ImageSize {side} is not a multiple of the checkpoint's patches of {patch} pixels; {side / patch * patch} is.");
    }

    private static float Logit(double probability) => (float)Math.Log(probability / (1 - probability));

    private Tensor Encode(EmbeddedPicture embedded, DitSentences? sentence, TaskRun run)
    {
        (Tensor embedding, long macs) = _model.Encode(embedded, sentence, VisionRequest.Plain, 0, run.Cancellation);
        run.Count("image encoder", 2 * macs);
        return embedding;
    }

    private DitSentences Read(string text, TaskRun run)
    {
        using DisposeScope scope = NewDisposeScope();
        EncoderText encoded = _text.Encode(text);
        (Tensor ids, Tensor mask) = EncoderText.Batch([encoded]);
        Tensor rows = _model.EncodeText(ids, mask, cancellation: run.Cancellation);
        run.Value("text", rows);
        rows = _options.MaskTextPadding ? rows.narrow(1, 0, encoded.Mask.Sum()) : rows;
        run.Count("text encoder", DitFlops.Text(_model.Config, _text.Rows));
        run.Count("sentence", DitFlops.Reading(_model.Config, rows.size(1)));
        return _model.Read(rows).Kept();
    }
}
