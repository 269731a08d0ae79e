using Aperture.Plugins.DitSam.Dit;
using Aperture.Plugins.DitSam.Sam;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DitSam;

/// <summary>
/// A DIT from pixels and token ids to masks: the sentence, its rows before and behind every block, embedding, prompts, decoder, mask. Then once more on the way
/// that users' calls take, where a block only sees the sentence's keys and values.
/// </summary>
public sealed class DitForwardRunner : IGoldenRunner
{
    private const double PublishedThreshold = 0.35;

    public string Area => "dit-sam";

    public string Kind => "dit_forward";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        Tensor ids = golden.Get("in.ids"), mask = golden.Get("in.mask"), pixels = golden.Get("in.image");
        Tensor slow, fast;
        using (DitModel model = RecordedSam.Dit(golden, runsSentence: true))
        {
            Tensor text = model.EncodeText(ids, mask);
            CompareIfHeld(golden, "mid.bert", text);
            DitSentences sentences = model.Read(text);
            CompareIfHeld(golden, "mid.text_proj", sentences.Prompts);
            EmbeddedPicture picture = model.Sam.Encoder.Embed(pixels);
            Tensor embedding = model.Encode(picture, sentences, new VisionRequest { Hooks = Watch(golden) }, 0, CancellationToken.None).Embedding;
            CompareIfHeld(golden, "mid.encoder", embedding);
            CompareIfHeld(golden, "mid.image_pe", model.Sam.Prompts.Grid((int)embedding.size(2), (int)embedding.size(3)));
            CompareIfHeld(golden, "mid.dense", model.Sam.Prompts.NoMask.expand(ids.size(0), -1, -1, -1));
            DecodedMasks masks = model.Sam.Decode(
                embedding, sentences.Prompts, null, allReadings: false, rows => CompareIfHeld(golden, "mid.decoder_queries", rows));
            CompareIfHeld(golden, "mid.low_res_logits", masks.Logits);
            CompareIfHeld(golden, "mid.iou", masks.Scores);
            slow = model.Upsample(masks.Logits);
            CompareIfHeld(golden, "mid.upsampled", slow);
        }

        using (DitModel model = RecordedSam.Dit(golden))
        {
            fast = model.Run(pixels, model.EncodeText(ids, mask), VisionRequest.Plain, 0, CancellationToken.None);
        }

        CompareIfHeld(golden, "mid.upsampled", fast);
        double threshold = golden.Config.TryGetProperty("mask_threshold", out System.Text.Json.JsonElement value) ? value.GetDouble() : PublishedThreshold;
        foreach (Tensor logits in new[] { slow, fast })
        {
            CompareMask(golden, DitMasks.Binary(logits, threshold).squeeze(1), logits, threshold);
        }
    }

    // Pixels nearer to the threshold than the tolerance may fall on either side.
    private static void CompareMask(GoldenCase golden, Tensor mask, Tensor logits, double threshold)
    {
        bool isFar = golden.Meta.TryGetProperty("threshold_gap_relative_to_max_logit", out System.Text.Json.JsonElement gap)
            && gap.GetDouble() > golden.Tolerance;
        if (isFar)
        {
            golden.CompareExact("out.mask", mask);
            return;
        }

        double allowed = golden.Tolerance * logits.abs().max().item<float>();
        Tensor near = logits.sub(Math.Log(threshold / (1 - threshold))).abs().le(allowed).squeeze(1);
        golden.CompareExact("out.mask", where(near, golden.Get("out.mask"), mask));
    }

    private static VisionTrunkHooks Watch(GoldenCase golden) => new()
    {
        BeforeBlock = (context, rows) =>
        {
            CompareIfHeld(golden, $"mid.block_in.{context.Block}", rows);
            return null;
        },
        AfterBlock = (context, rows) =>
        {
            CompareIfHeld(golden, $"mid.block_out.{context.Block}", rows);
            return null;
        },
    };

    private static void CompareIfHeld(GoldenCase golden, string name, Tensor value)
    {
        if (golden.Has(name))
        {
            golden.Compare(name, value);
        }
    }
}
