using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Golden.Tests.LlavaHr;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Plugins.Llava;
using Aperture.Sequences;
using Aperture.Tasks;
using Aperture.Vision;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>Runs a recorded LLaVA from pixel values and ids, and compares what it has in common in both layouts.</summary>
internal static class RecordedLlava
{
    /// <summary>A case's model over its own weights.</summary>
    public static Model Open(GoldenCase golden) => Open(LlavaConfig.Parse(golden.Config, golden.Name), golden.Weights());

    /// <summary>A model over open weights, through the family's own door.</summary>
    public static Model Open(LlavaConfig config, IWeightSource weights)
    {
        ModelOpening opening = new(CPU, ScalarType.Float32, threads: 1);
        LlavaKeys keys = LlavaKeys.Find(weights, config);
        return Model.Assemble("model", LlavaFamily.Parts(config, weights, keys, LlavaTower.Of(config, keys, weights), opening), opening);
    }

    /// <summary>A model from its folder, as the family opens it.</summary>
    public static Model OpenFolder(string folder, string? tower = null)
    {
        ModelOpening opening = new(CPU, ScalarType.Float32, threads: 1) { Tower = tower, Encoders = new OfferedEncoders() };
        ModelFolder checkpoint = new(folder);
        LlavaFamily family = new();
        Assert.NotEqual(FamilyMatch.None, family.Recognises(checkpoint));
        return Model.Assemble(checkpoint.Name, family.Open(checkpoint, opening), opening, new ModelOrigin(family.Name, checkpoint.Path, 0));
    }

    /// <summary>Features of a batch of pixel values; the caller disposes them.</summary>
    public static IReadOnlyList<VisionFeatures> Encode(Model model, Tensor pixels)
        => ((VisionTransformerEncoder)model.Encoder).EncodePixels(pixels, VisionRequest.Plain, CancellationToken.None);

    /// <summary>Sequences of the prompts, images taken in order; the caller disposes them.</summary>
    public static PackedPrompt[] Assemble(Model model, IReadOnlyList<int[]> prompts, IReadOnlyList<VisualTokens> images, int placeholders)
    {
        int next = 0;
        return [.. prompts.Select(ids =>
        {
            int count = ids.Count(id => id == model.Packer.ImageToken) / placeholders;
            VisualTokens[] own = [.. images.Skip(next).Take(count)];
            next += count;
            return Packing.Pack(model.Decoder, ids, model.Packer.ImageToken, placeholders, own, ((PlaceholderPacker)model.Packer).MaxRows);
        })];
    }

    /// <summary>Rows of all sequences, packed; the caller disposes them.</summary>
    public static Tensor Pack(PackedPrompt[] sequences) => cat([.. sequences.Select(s => s.Rows)], 0);

    /// <summary>Logits of all rows; the caller disposes them and the last states.</summary>
    public static Tensor Prefill(Model model, IReadOnlyList<SequenceLayout> layouts, Tensor rows, RequestContext request, out Tensor last)
    {
        using ForwardState state = model.Decoder.Begin(request, DecoderPhase.Prefill, layouts);
        last = model.Decoder.Run(state, rows.clone(), CancellationToken.None);
        return model.Decoder.Logits(last, state.Rows);
    }

    /// <summary>Greedy tokens with the logits that chose them, end of sequence disabled.</summary>
    public static GenerationResult Greedy(Model model, IReadOnlyList<SequenceLayout> layouts, Tensor rows, int tokens)
        => new TokenGenerator(model.Decoder)
            .Generate(new GenerationInput(rows.clone(), layouts), new GenerationOptions { MaxNewTokens = tokens }, new GenerationControl { KeepLogits = true });

    public static Tensor Ids(GenerationResult result) => stack([.. result.Sequences.Select(s => tensor([.. s.Tokens.Select(t => (long)t)]))], 0);

    public static Tensor Logits(GenerationResult result)
        => stack([.. result.Sequences.Select(s => stack([.. s.Logits!.Select(step => tensor(step))], 0))], 0);
}
