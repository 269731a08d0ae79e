using Aperture.Tasks;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Sam;

/// <summary>Masks as users get them.</summary>
internal static class FoundMasks
{
    /// <summary>Masks of one prompt, the best first by the model's own estimate.</summary>
    /// <param name="decoded">What the decoder gave for one prompt.</param>
    /// <param name="values">The masks in the picture's size <c>[1, masks, height, width]</c>.</param>
    /// <param name="threshold">Pixels above it are inside.</param>
    public static IReadOnlyList<SegmentedMask> OfLogits(DecodedMasks decoded, Tensor values, float threshold)
    {
        float[] scores = Floats(decoded.Scores);
        MaskImage[] masks = Split(values, scores.Length, threshold), logits = Split(decoded.Logits, scores.Length, 0);
        return
        [
            .. Enumerable.Range(0, scores.Length).OrderByDescending(mask => scores[mask])
                .Select(mask => new SegmentedMask(masks[mask], scores[mask], logits[mask])),
        ];
    }

    /// <summary>A map of one channel as a mask.</summary>
    /// <param name="map"><c>[…, height, width]</c>, one map; borrowed.</param>
    /// <param name="threshold">Pixels above it are inside.</param>
    public static MaskImage Single(Tensor map, float threshold) => Split(map, 1, threshold)[0];

    private static MaskImage[] Split(Tensor maps, int count, float threshold)
    {
        float[] values = Floats(maps);
        (int height, int width, int area) = ((int)maps.size(-2), (int)maps.size(-1), values.Length / count);
        return [.. Enumerable.Range(0, count).Select(map => new MaskImage(values.AsMemory(map * area, area), width, height, threshold))];
    }

    private static float[] Floats(Tensor values) => values.to_type(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();
}
