using Aperture.Golden.Tests.BaseModels;
using Aperture.Models;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.LlavaHr;

/// <summary>
/// A batch as the authors' code pads it: each sample's rows, zeros behind them; labels with -100; a mask that is true for as many rows as pictures added, then
/// what it was, then false.
/// </summary>
/// <param name="Rows"><c>[samples, longest, d]</c>.</param>
/// <param name="Labels">int64 <c>[samples, longest]</c>.</param>
/// <param name="Mask">Bytes <c>[samples, longest]</c>.</param>
internal sealed record HrPrepared(Tensor Rows, Tensor Labels, Tensor Mask)
{
    /// <summary>Merges slots of pictures into prompts.</summary>
    /// <param name="model">The model.</param>
    /// <param name="embed">Gives the rows of text.</param>
    /// <param name="golden">The case: ids, labels, and the mask where it has one.</param>
    /// <param name="slots">What each placeholder becomes; a sample without one passes a slot over.</param>
    public static HrPrepared Merge(Model model, Func<int[], Tensor> embed, GoldenCase golden, IReadOnlyList<VisualTokens> slots)
    {
        int[][] ids = PaddedBatch.Rows(golden.Get("in.input_ids")), labels = PaddedBatch.Rows(golden.Get("in.labels"));
        int[][] mask = golden.Has("in.attention_mask")
            ? PaddedBatch.Rows(golden.Get("in.attention_mask"))
            : [.. ids.Select(row => row.Select(_ => 1).ToArray())];
        List<Tensor> rows = [];
        List<List<long>> merged = [];
        List<List<byte>> masks = [];
        int next = 0;
        for (int sample = 0; sample < ids.Length; sample++)
        {
            int wanted = ids[sample].Count(id => id == model.Packer.ImageToken);
            VisualTokens[] own = [.. slots.Skip(next).Take(wanted)];
            next += Math.Max(1, wanted);
            PlaceholderPacker packer = new(model.Packer.ImageToken);
            PackedPrompt packed = packer.Pack(new PackInput(ids[sample], own, embed, null));
            rows.Add(packed.Rows);
            int image = 0;
            merged.Add([.. ids[sample].SelectMany((id, column) => id == model.Packer.ImageToken
                ? Enumerable.Repeat((long)LabelledPrompt.Ignored, own[image++].Count)
                : [labels[sample][column]])]);
            masks.Add([.. Enumerable.Repeat((byte)1, merged[^1].Count - ids[sample].Length), .. mask[sample].Select(value => (byte)value)]);
        }

        int longest = merged.Max(row => row.Count);
        return new HrPrepared(
            stack([.. rows.Select(own => cat([own, zeros(longest - own.size(0), own.size(1))], 0))], 0),
            stack([.. merged.Select(own => tensor([.. own, .. Enumerable.Repeat((long)LabelledPrompt.Ignored, longest - own.Count)]))], 0),
            stack([.. masks.Select(own => tensor([.. own, .. Enumerable.Repeat((byte)0, longest - own.Count)]))], 0));
    }

    /// <summary>Where each sample's attended rows end: they stand in front, so that no row attends to one behind them.</summary>
    public int[] Lengths
    {
        get
        {
            int[][] mask = PaddedBatch.Rows(Mask);
            int[] lengths = [.. mask.Select(row => row.Count(value => value != 0))];
            Assert.All(mask.Zip(lengths), own => Assert.DoesNotContain(0, own.First.Take(own.Second)));
            return lengths;
        }
    }
}
