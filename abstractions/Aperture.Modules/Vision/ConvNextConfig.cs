using Aperture.Weights;

namespace Aperture.Vision;

/// <summary>Sizes of a ConvNeXt.</summary>
public sealed record ConvNextConfig
{
    private const int Stages = 4;

    /// <summary>Blocks of each of the four stages.</summary>
    public required IReadOnlyList<int> Depths { get; init; }

    /// <summary>Channels of each stage.</summary>
    public required IReadOnlyList<int> Widths { get; init; }

    /// <summary>Added to the variance in the norms.</summary>
    public double NormEpsilon { get; init; } = 1e-6;

    /// <summary><c>convnext_large_mlp</c>.</summary>
    public static ConvNextConfig Large { get; } = new() { Depths = [3, 3, 27, 3], Widths = [192, 384, 768, 1536] };

    /// <summary><c>convnext_xxlarge</c>.</summary>
    public static ConvNextConfig ExtraExtraLarge { get; } = new() { Depths = [3, 4, 30, 3], Widths = [384, 768, 1536, 3072], NormEpsilon = 1e-5 };

    /// <summary>Pixels along a side that a place of the last stage's map covers.</summary>
    public int Stride => 4 << (Widths.Count - 1);

    /// <summary>Multiply-accumulates of one picture: stem, down-sampling, depth-wise convolutions and the two matrices of each block.</summary>
    /// <param name="height">Height in pixels, a multiple of <see cref="Stride"/>.</param>
    /// <param name="width">Width in pixels, a multiple of <see cref="Stride"/>.</param>
    public long Macs(int height, int width)
    {
        long macs = 48L * Widths[0] * (height / 4) * (width / 4);
        for (int stage = 0; stage < Widths.Count; stage++)
        {
            long places = (long)(height / (4 << stage)) * (width / (4 << stage)), c = Widths[stage];
            macs += places * ((stage > 0 ? 4 * Widths[stage - 1] * c : 0) + (Depths[stage] * ((49 * c) + (8 * c * c))));
        }

        return macs;
    }

    /// <summary>The sizes of stored weights, which configurations do not tell.</summary>
    /// <param name="source">The checkpoint under timm's names: see <see cref="ConvNextNames"/>.</param>
    /// <param name="prefix">What stands before <c>stem</c>.</param>
    /// <param name="normEpsilon">Added to the variance in the norms.</param>
    /// <exception cref="ApertureException">A stage has no blocks, or the stem is none of a ConvNeXt.</exception>
    public static ConvNextConfig Of(IWeightSource source, string prefix, double normEpsilon)
    {
        long[] stem = source.Describe(prefix + "stem.0.weight").Shape;
        if (stem.Length != 4 || stem[0] > int.MaxValue)
        {
            throw new ApertureException($"{prefix}stem.0.weight has shape [{string.Join(", ", stem)}]; a ConvNeXt's is [channels, 3, 4, 4].");
        }

        List<int> widths = [(int)stem[0]], depths = [];
        for (int stage = 0; stage < Stages; stage++)
        {
            string name = $"{prefix}stages.{stage}.";
            if (stage > 0)
            {
                widths.Add((int)source.Describe(name + "downsample.1.weight").Shape[0]);
            }

            int blocks = 0;
            while (source.Contains($"{name}blocks.{blocks}.conv_dw.weight"))
            {
                blocks++;
            }

            depths.Add(
                blocks > 0 ? blocks : throw new ApertureException($"The checkpoint has no {name}blocks.0.conv_dw.weight; a ConvNeXt has {Stages} stages."));
        }

        return new ConvNextConfig { Depths = depths, Widths = widths, NormEpsilon = normEpsilon };
    }
}
