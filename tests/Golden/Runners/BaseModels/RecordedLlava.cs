using Aperture.Decoding;
using Aperture.Engine;
using Aperture.Generation;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>Runs a recorded LLaVA from pixel values and ids, and compares what it has in common in both layouts.</summary>
internal static class RecordedLlava
{
    private static readonly ModelOptions _plain = new() { Type = "float32", Threads = 1 };

    public static LlavaModel Open(GoldenCase golden)
        => LlavaModel.Create(LlavaConfig.Parse(golden.Config, golden.Name), golden.Weights(), _plain);

    /// <summary>Features of a batch of pixel values; the caller disposes them.</summary>
    public static IReadOnlyList<VisionFeatures> Encode(LlavaModel model, Tensor pixels)
        => model.Encoder.EncodePixels(pixels, VisionRequest.Plain, CancellationToken.None);

    /// <summary>Sequences of the prompts, images taken in order; the caller disposes them.</summary>
    public static LlavaSequence[] Assemble(LlavaModel model, IReadOnlyList<int[]> prompts, IReadOnlyList<VisualTokens> images, int placeholders)
    {
        int next = 0;
        return [.. prompts.Select(ids =>
        {
            int count = ids.Count(id => id == model.Config.ImageToken) / placeholders;
            VisualTokens[] own = [.. images.Skip(next).Take(count)];
            next += count;
            return LlavaSequence.Assemble(model.Decoder, ids, model.Config.ImageToken, placeholders, own, model.Config.MaxPromptRows);
        })];
    }

    /// <summary>Rows of all sequences, packed; the caller disposes them.</summary>
    public static Tensor Pack(LlavaSequence[] sequences) => cat([.. sequences.Select(s => s.Rows)], 0);

    /// <summary>Logits of all rows; the caller disposes them and the last states.</summary>
    public static Tensor Prefill(LlavaModel model, IReadOnlyList<SequenceLayout> layouts, Tensor rows, RequestContext request, out Tensor last)
    {
        using ForwardState state = model.Decoder.Begin(request, DecoderPhase.Prefill, layouts);
        last = model.Decoder.Run(state, rows.clone(), CancellationToken.None);
        return model.Decoder.Logits(last, state.Rows);
    }

    /// <summary>Greedy tokens with the logits that chose them, end of sequence disabled.</summary>
    public static GenerationResult Greedy(LlavaModel model, IReadOnlyList<SequenceLayout> layouts, Tensor rows, int tokens)
        => new TokenGenerator(model.Decoder).Generate(new GenerationInput(rows.clone(), layouts), new GenerationOptions { MaxNewTokens = tokens }, new GenerationControl { KeepLogits = true });

    public static Tensor Ids(GenerationResult result) => stack([.. result.Sequences.Select(s => tensor([.. s.Tokens.Select(t => (long)t)]))], 0);

    public static Tensor Logits(GenerationResult result)
        => stack([.. result.Sequences.Select(s => stack([.. s.Logits!.Select(step => tensor(step))], 0))], 0);
}
