using Aperture.Decoding;
using Aperture.Models;
using Aperture.Tasks;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>
/// Prompts with images merged into a padded rectangle, as the authors' training code does it: image rows in place of placeholders with labels of their own,
/// zero rows as padding, positions counted from each prompt's first real row. Owns its tensors.
/// </summary>
/// <param name="Rows">Rows <c>[prompts, rows, d]</c>; padding is zero.</param>
/// <param name="Labels">int64 <c>[prompts, rows]</c>; <see cref="Ignore"/> at images and padding.</param>
/// <param name="Positions">int64 <c>[prompts, rows]</c>; 0 at padding.</param>
/// <param name="Mask">Boolean <c>[prompts, rows]</c>; true at real rows.</param>
internal sealed record LlavaBatch(Tensor Rows, Tensor Labels, Tensor Positions, Tensor Mask) : IDisposable
{
    /// <summary>The label that no loss is taken of.</summary>
    public const long Ignore = -100;

    /// <summary>Merges prompts.</summary>
    /// <param name="decoder">Gives the embedding rows of text.</param>
    /// <param name="prompts">Ids and labels of each prompt without padding; images stand as one placeholder each.</param>
    /// <param name="imageToken">The placeholder.</param>
    /// <param name="images">Projected tokens, in order over the batch; borrowed. A prompt without an image consumes one too, as in the authors' code.</param>
    /// <param name="padLeft">Whether padding stands in front.</param>
    /// <param name="maxRows">Prompts are cut to this many rows on the right; null for no limit.</param>
    /// <returns>The batch; the caller disposes it.</returns>
    /// <exception cref="ApertureException">There are fewer images than the prompts ask for.</exception>
    public static LlavaBatch Merge(
        Decoder decoder, IReadOnlyList<(int[] Ids, long[] Labels)> prompts, int imageToken, IReadOnlyList<VisualTokens> images, bool padLeft, int? maxRows)
    {
        using DisposeScope scope = NewDisposeScope();
        List<(Tensor Rows, long[] Labels)> merged = [];
        int next = 0;
        foreach ((int[] ids, long[] labels) in prompts)
        {
            int wanted = ids.Count(id => id == imageToken), consumed = Math.Max(1, wanted);
            if (next + consumed > images.Count)
            {
                throw new ApertureException(
                    $"The prompts consume more than the {images.Count} image(s) that were given; give one for each placeholder, and one for a prompt without "
                    + "any.");
            }

            VisualTokens[] own = [.. images.Skip(next).Take(wanted)];
            next += consumed;
            PackedPrompt sequence = Packing.Pack(decoder, ids, imageToken, 1, own, maxRows);
            merged.Add((sequence.Rows, MergeLabels(ids, labels, imageToken, own)[..sequence.Layout.Count]));
        }

        int longest = merged.Max(m => m.Labels.Length), d = decoder.Spec.HiddenSize;
        long[] allLabels = new long[merged.Count * longest], positions = new long[allLabels.Length];
        bool[] mask = new bool[allLabels.Length];
        Array.Fill(allLabels, Ignore);
        List<Tensor> rectangles = [];
        for (int prompt = 0; prompt < merged.Count; prompt++)
        {
            (Tensor rows, long[] labels) = merged[prompt];
            int pads = longest - labels.Length, first = (prompt * longest) + (padLeft ? pads : 0);
            Tensor padding = zeros(pads, d, dtype: rows.dtype, device: rows.device);
            rectangles.Add(padLeft ? cat([padding, rows], 0) : cat([rows, padding], 0));
            rows.Dispose();
            labels.CopyTo(allLabels, first);
            for (int i = 0; i < labels.Length; i++)
            {
                positions[first + i] = i;
                mask[first + i] = true;
            }
        }

        long[] shape = [merged.Count, longest];
        return new LlavaBatch(
            stack(rectangles, 0).MoveToOuterDisposeScope(),
            tensor(allLabels, shape).MoveToOuterDisposeScope(),
            tensor(positions, shape).MoveToOuterDisposeScope(),
            tensor(mask, shape).MoveToOuterDisposeScope());
    }

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        Rows.Dispose();
        Labels.Dispose();
        Positions.Dispose();
        Mask.Dispose();
    }

    private static long[] MergeLabels(int[] ids, long[] labels, int imageToken, VisualTokens[] images)
    {
        List<long> merged = [];
        int image = 0;
        for (int i = 0; i < ids.Length; i++)
        {
            if (ids[i] == imageToken)
            {
                merged.AddRange(Enumerable.Repeat(Ignore, images[image++].Count));
            }
            else
            {
                merged.Add(labels[i]);
            }
        }

        return [.. merged];
    }
}
