using Aperture.Decoding;
using Aperture.Plugins.DitSam.Sam;
using Aperture.Text;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Dit;

/// <summary>A SAM whose image encoder reads a sentence, and the BERT that encodes it. Owns its weights.</summary>
internal sealed class DitModel : IDisposable
{
    private const int DecoderUpscaling = 4;

    private readonly WeightLoader _loader;
    private readonly BertEncoder _text;
    private readonly Matrix _prompts;

    /// <summary>Loads a DIT.</summary>
    /// <param name="source">The checkpoint under SAM's names; must outlive the model, whose memory it may be.</param>
    /// <param name="config">Its sizes.</param>
    /// <param name="policy">Where it runs, and the type the image encoder computes in.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public DitModel(IWeightSource source, DitConfig config, WeightPolicy policy)
    {
        (Config, Policy) = (config, policy);
        WeightPolicy single = policy with { Compute = ScalarType.Float32, Storage = ScalarType.Float32 };
        _loader = new WeightLoader(source, single);
        BertEncoder? text = null;
        try
        {
            _prompts = _loader.Linear(DitKeys.TextProjection, config.Sam.PromptWidth, config.Text.HiddenSize);
            Instructions = new Instructions(_loader, config);
            text = new BertEncoder(config.Text, BertWeights.Load(source, DitKeys.Bert, config.Text, single, pooler: false));
            Sam = new SamModel(source, config.Sam, everywhere: !config.Windowed, policy);
        }
        catch
        {
            text?.Dispose();
            _loader.Dispose();
            throw;
        }

        _text = text;
    }

    /// <summary>Sizes.</summary>
    public DitConfig Config { get; }

    /// <summary>Where it runs, and the type the image encoder computes in.</summary>
    public WeightPolicy Policy { get; }

    /// <summary>The SAM around it.</summary>
    public SamModel Sam { get; }

    /// <summary>What a sentence's rows are before each block.</summary>
    public Instructions Instructions { get; }

    /// <summary>Whether the sentence's rows run through the blocks even where their keys and values would do. It changes no number, and is slower.</summary>
    public bool RunsSentence { get; init; }

    /// <summary>The text encoder's output.</summary>
    /// <param name="ids">int64 <c>[B, L]</c>; borrowed.</param>
    /// <param name="mask">int64 <c>[B, L]</c>, 1 for tokens; borrowed.</param>
    /// <param name="dropout">Probability of dropping a value; 0 outside training.</param>
    /// <param name="cancellation">Checked between layers.</param>
    /// <returns><c>[B, L, dt]</c> in float32; the caller disposes it.</returns>
    public Tensor EncodeText(Tensor ids, Tensor mask, double dropout = 0, CancellationToken cancellation = default)
    {
        using DisposeScope scope = NewDisposeScope();
        return _text.Run(ids.to(Policy.Device), mask.to(Policy.Device), dropout: dropout, cancellationToken: cancellation).MoveToOuterDisposeScope();
    }

    /// <summary>Makes of encoded sentences what image encoder and mask decoder need of them.</summary>
    /// <param name="text"><c>[B, L, dt]</c> in float32; borrowed.</param>
    /// <param name="dropout">Probability of dropping a projected value; 0 outside training.</param>
    /// <returns>The caller disposes it.</returns>
    public DitSentences Read(Tensor text, double dropout = 0)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor rows = Instructions.Enters ? Instructions.Widen(text) : text.alias();
        List<VisionSeenRows> seen = [];
        if (Instructions.AreFixed && !RunsSentence)
        {
            for (int block = 0; block < Config.Sam.Vision.Layers; block++)
            {
                using DisposeScope one = NewDisposeScope();
                Tensor before = Instructions.Rows(block, rows, null, dropout).to_type(Policy.Compute);
                VisionSeenRows of = Sam.Encoder.Tower.See(block, before);
                seen.Add(new VisionSeenRows(of.Keys.MoveToOuterDisposeScope(), of.Values.MoveToOuterDisposeScope()));
            }
        }

        foreach (VisionSeenRows of in seen)
        {
            of.Keys.MoveToOuterDisposeScope();
            of.Values.MoveToOuterDisposeScope();
        }

        return new DitSentences(rows.MoveToOuterDisposeScope(), _prompts.Apply(text).MoveToOuterDisposeScope(), seen);
    }

    /// <summary>Encodes pictures under their sentences.</summary>
    /// <param name="picture">Patches of B pictures; borrowed.</param>
    /// <param name="sentences">One sentence, or B; borrowed. Null for none: SAM's encoder as it is run here.</param>
    /// <param name="request">Callbacks, gradients.</param>
    /// <param name="dropout">Probability of dropping a projected value; 0 outside training.</param>
    /// <param name="cancellation">Checked between blocks.</param>
    /// <returns><c>[B, P, h, w]</c> in float32 and the multiply-accumulates of one picture; the caller disposes the tensor.</returns>
    public (Tensor Embedding, long Macs) Encode(
        EmbeddedPicture picture, DitSentences? sentences, VisionRequest request, double dropout, CancellationToken cancellation)
    {
        if (sentences is null || !Instructions.Enters || sentences.Seen.Count > 0)
        {
            return Sam.Encoder.Run(picture, request, sentences?.Seen ?? [], cancellation);
        }

        using DisposeScope scope = NewDisposeScope();
        VisionTrunkHooks hooks = SentenceHooks.Of(this, sentences, (int)picture.Patches.size(0), request.Hooks, dropout);
        (Tensor embedding, long macs) = Sam.Encoder.Run(picture, request with { Hooks = hooks }, [], cancellation);
        return (embedding.MoveToOuterDisposeScope(), macs);
    }

    /// <summary>Masks of B pictures under B sentences, from pixels to logits.</summary>
    /// <param name="pixels">Normalised pixels <c>[B, 3, S, S]</c>; borrowed.</param>
    /// <param name="text">Encoded sentences <c>[B, L, dt]</c>; borrowed.</param>
    /// <param name="request">Callbacks, gradients.</param>
    /// <param name="dropout">Probability of dropping a projected value; 0 outside training.</param>
    /// <param name="cancellation">Checked between blocks.</param>
    /// <returns>Logits <c>[B, 1, S, S]</c>; the caller disposes them.</returns>
    public Tensor Run(Tensor pixels, Tensor text, VisionRequest request, double dropout, CancellationToken cancellation)
    {
        using DisposeScope scope = NewDisposeScope();
        DitSentences sentences = Read(text, dropout);
        Tensor embedding = Encode(Sam.Encoder.Embed(pixels.to(Policy.Device)), sentences, request, dropout, cancellation).Embedding;
        DecodedMasks masks = Sam.Decode(embedding, sentences.Prompts, null, allReadings: false);
        return Upsample(masks.Logits).MoveToOuterDisposeScope();
    }

    /// <summary>Logits of the decoder in the size of the pixels: of patches of 16 pixels four times as large, bilinear, corners aligned.</summary>
    /// <param name="logits"><c>[B, masks, 4 h, 4 w]</c>; borrowed.</param>
    /// <returns><c>[B, masks, S, S]</c>; the caller disposes it.</returns>
    public Tensor Upsample(Tensor logits)
    {
        int Scaled(long length) => (int)length * Config.Sam.Vision.PatchSize / DecoderUpscaling;
        return FeatureMaps.ResizeBilinear(logits, Scaled(logits.size(2)), Scaled(logits.size(3)));
    }

    public void Dispose()
    {
        Sam.Dispose();
        _text.Dispose();
        _loader.Dispose();
    }
}
