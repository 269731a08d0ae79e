using Aperture.Decoding;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>Merging of prompts with none, one and two images into a padded batch, its labels, positions and mask, and the loss over it.</summary>
public sealed class LlavaOriginalMergeRunner : IGoldenRunner
{
    public string Area => "base-models";

    public string Kind => "llava_original_merge";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using Model model = RecordedLlava.Open(golden);
        int[][] ids = PaddedBatch.Rows(golden.Get("in.input_ids")), mask = PaddedBatch.Rows(
            golden.Get("in.attention_mask")), labels = PaddedBatch.Rows(golden.Get("in.labels"));
        (int[] Ids, long[] Labels)[] prompts = [.. ids.Select((row, i) => (
            row.Where((_, column) => mask[i][column] != 0).ToArray(),
            labels[i].Where((_, column) => mask[i][column] != 0).Select(label => (long)label).ToArray()))];
        IReadOnlyList<VisionFeatures> features = RecordedLlava.Encode(model, golden.Get("in.images"));
        VisualTokens[] images = [.. features.Select(model.Projector.Project)];
        bool left = golden.Config.GetProperty("tokenizer_padding_side").GetString() == "left";
        using LlavaBatch batch = LlavaBatch.Merge(model.Decoder, prompts, model.Packer.ImageToken, images, left, ((PlaceholderPacker)model.Packer).MaxRows);
        golden.Compare("mid.inputs_embeds", batch.Rows);
        golden.CompareExact("out.labels", batch.Labels);
        golden.CompareExact("out.position_ids", batch.Positions);
        golden.CompareExact("out.attention_mask", batch.Mask.to_type(golden.Get("out.attention_mask").dtype));
        Tensor logits = Logits(model, batch);
        golden.Compare("out.logits", logits);
        Tensor shifted = logits.narrow(1, 0, logits.shape[1] - 1)
            .reshape(-1, logits.shape[2]), targets = batch.Labels.narrow(1, 1, batch.Labels.shape[1] - 1)
            .reshape(-1);
        golden.Compare("out.loss", F.cross_entropy(shifted, targets, ignore_index: LlavaBatch.Ignore));
        foreach (IDisposable owned in features.Cast<IDisposable>().Concat(images))
        {
            owned.Dispose();
        }
    }

    // Only real rows run; padded rows of the recorded logits are zero.
    private static Tensor Logits(Model model, LlavaBatch batch)
    {
        Tensor flat = batch.Mask.flatten(), rows = batch.Rows.view(-1, batch.Rows.shape[2]), real = flat.nonzero().flatten();
        SequenceLayout[] layouts = [.. Enumerable.Range(0, (int)batch.Mask.shape[0]).Select(i =>
            SequenceLayout.Create([new Aperture.Sequences.Span(SpanKind.Text, (int)batch.Mask[i].sum().item<long>())]))];
        using RequestContext request = new(model.Decoder.Info, layouts, null, null, null);
        Tensor logits = RecordedLlava.Prefill(model, layouts, rows.index_select(0, real), request, out _);
        return zeros(rows.shape[0], logits.shape[1]).index_copy(0, real, logits).view(batch.Rows.shape[0], batch.Rows.shape[1], -1);
    }
}
