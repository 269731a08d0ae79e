using System.Text.Json;
using Aperture.Decoding;
using Aperture.Golden.Tests.BaseModels;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Golden.Tests.LlavaHr;

/// <summary>Several crops of a picture in the place of one: their rows one after the other.</summary>
public sealed class HrPrepareCropsRunner : HrPrepareRunner
{
    public override string Kind => "hr_prepare_crop_lists";
}

/// <summary>Samples with no, one and two pictures in a padded batch, and the loss over them.</summary>
public class HrPrepareRunner : IGoldenRunner
{
    public string Area => "llava-hr";

    public virtual string Kind => "hr_prepare_mixed_batch";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using Model model = RecordedHr.Open(golden);
        IReadOnlyList<VisionFeatures> features = RecordedHr.Encoder(model).EncodePixels(
            RecordedHr.Pixels(golden), null, VisionRequest.Plain, CancellationToken.None);
        VisualTokens[] crops = [.. features.Select(model.Projector.Project)];
        VisualTokens[] slots = golden.Config.TryGetProperty("crops", out JsonElement lists)
            ? [.. lists.EnumerateArray().Select(list => Joined([.. list.EnumerateArray().Select(crop => crops[crop.GetInt32()])]))]
            : crops;
        HrPrepared batch = HrPrepared.Merge(model, ids => model.Decoder.Embed(ids), golden, slots);
        golden.Compare("out.inputs_embeds", batch.Rows);
        golden.CompareExact("out.labels", batch.Labels);
        golden.CompareExact("out.attention_mask", batch.Mask);
        if (golden.Has("out.loss"))
        {
            CompareLoss(golden, model, batch);
        }

        foreach (IDisposable owned in features.Cast<IDisposable>().Concat(crops))
        {
            owned.Dispose();
        }
    }

    // A picture of several tiles is a list of segments.
    private static VisualTokens Joined(VisualTokens[] crops)
        => new(cat([.. crops.Select(crop => crop.Rows)], 0), [.. crops.Select((crop, tile) => crop.Segments[0] with { Tile = tile })]);

    private static void CompareLoss(GoldenCase golden, Model model, HrPrepared batch)
    {
        int[] lengths = batch.Lengths;
        SequenceLayout[] layouts = [.. lengths.Select(length => SequenceLayout.Create([new Aperture.Sequences.Span(SpanKind.Text, length)]))];
        Tensor rows = cat([.. lengths.Select((length, sample) => batch.Rows[sample].narrow(0, 0, length))], 0);
        using RequestContext request = new(model.Decoder.Info, layouts, null, null, null);
        Tensor[] logits = RecordedLlava.Prefill(model, layouts, rows, request, out _).split([.. lengths.Select(length => (long)length)], 0);
        int[][] labels = PaddedBatch.Rows(batch.Labels);
        int[] last = [.. labels.Select(row => Array.FindLastIndex(row, label => label != LabelledPrompt.Ignored))];
        // Those that the last labelled token is predicted by.
        golden.Compare("out.logits_row_last_label", stack([.. logits.Select((own, sample) => own[last[sample] - 1])], 0));
        Tensor before = cat([.. logits.Select(own => own.narrow(0, 0, own.size(0) - 1))], 0);
        Tensor targets = cat([.. lengths.Select((length, sample) => batch.Labels[sample].narrow(0, 1, length - 1))], 0);
        golden.Compare("out.loss", F.cross_entropy(before, targets, ignore_index: LabelledPrompt.Ignored));
    }
}
