using Aperture.Diffusion;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.DtNet.Training;

/// <summary>
/// Changes grid vectors for training as the official code does: one of four ways, drawn evenly, each of which then happens or not. Three of them hold a
/// normal number against the chance where a uniform one was meant, so that they happen more often; that is kept.
/// </summary>
internal static class FeatureAugmentation
{
    private const double Chance = 0.3, Noise = 0.05;
    private const int Cropped = 5, Degrees = 60;

    /// <summary>Changes a batch, or leaves it.</summary>
    /// <param name="features">float32 <c>[B, cells, channels]</c> on the CPU; the noise is written into it. Borrowed.</param>
    /// <param name="random">Draws.</param>
    /// <param name="chance">The chance of each way.</param>
    /// <returns><c>[B, cells, channels]</c>, in the caller's dispose scope.</returns>
    public static Tensor Run(Tensor features, NumpyRandom random, double chance = Chance) => random.Next(4) switch
    {
        0 => AddNoise(features, random, chance),
        1 => Pool(features, random, chance),
        2 => Crop(features, random, chance),
        _ => Rotate(features, random, chance),
    };

    /// <summary>Sets one vector in twenty to the batch's largest value and one in twenty to its smallest, in place.</summary>
    /// <inheritdoc cref="Run"/>
    public static Tensor AddNoise(Tensor features, NumpyRandom random, double chance = Chance)
    {
        if (random.NextUniform() >= chance)
        {
            return features.alias();
        }

        using DisposeScope scope = NewDisposeScope();
        (int pictures, int cells) = ((int)features.size(0), (int)features.size(1));
        int count = (int)(pictures * cells * Noise);
        foreach (Tensor value in new[] { features.max(), features.min() })
        {
            for (int spot = 0; spot < count; spot++)
            {
                int picture = random.Next(pictures), cell = random.Next(cells);
                features[picture][cell].copy_(value);
            }
        }

        return features.alias().MoveToOuterDisposeScope();
    }

    /// <summary>The largest of each 2x2 cells, and back to the grid by the nearest cell.</summary>
    /// <inheritdoc cref="Run"/>
    public static Tensor Pool(Tensor features, NumpyRandom random, double chance = Chance)
        => random.NextNormal() < chance ? OnMap(features, map => Enlarge(F.max_pool2d(map, 2, 2), map)) : features.alias();

    /// <summary>A window of 5x5 cells, and back to the grid by the nearest cell.</summary>
    /// <inheritdoc cref="Run"/>
    public static Tensor Crop(Tensor features, NumpyRandom random, double chance = Chance)
    {
        if (random.NextNormal() >= chance)
        {
            return features.alias();
        }

        int starts = Side(features) - Cropped, row = random.Next(starts), column = random.Next(starts);
        return OnMap(features, map => Enlarge(map.narrow(2, row, Cropped).narrow(3, column, Cropped), map));
    }

    /// <summary>Turned by -30 to 29 degrees, by the nearest cell, with zeros where nothing was.</summary>
    /// <inheritdoc cref="Run"/>
    public static Tensor Rotate(Tensor features, NumpyRandom random, double chance = Chance)
    {
        if (random.NextNormal() >= chance)
        {
            return features.alias();
        }

        double angle = -(random.Next(Degrees) - (Degrees / 2)) * Math.PI / 180;
        (float cosine, float sine) = ((float)Math.Cos(angle), (float)Math.Sin(angle));
        return OnMap(features, map =>
        {
            long side = map.size(2);
            Tensor places = arange(side, ScalarType.Float32).sub((side - 1) / 2.0); // [side], cells from the centre
            Tensor x = places.unsqueeze(0).expand(side, side), y = places.unsqueeze(1).expand(side, side);
            Tensor across = x.mul(cosine / (0.5 * side)).add(y.mul(sine / (0.5 * side))), down = x.mul(-sine / (0.5 * side)).add(y.mul(cosine / (0.5 * side)));
            Tensor grid = stack([across, down], -1).unsqueeze(0).expand(map.size(0), side, side, 2);
            return F.grid_sample(map, grid, mode: GridSampleMode.Nearest, padding_mode: GridSamplePaddingMode.Zeros, align_corners: false);
        });
    }

    private static int Side(Tensor features) => (int)Math.Round(Math.Sqrt(features.size(1)));

    // [B, cells, channels] -> [B, channels, side, side] and back.
    private static Tensor OnMap(Tensor features, Func<Tensor, Tensor> change)
    {
        using DisposeScope scope = NewDisposeScope();
        int side = Side(features);
        Tensor map = features.view(features.size(0), side, side, -1).permute(0, 3, 1, 2);
        return change(map).permute(0, 2, 3, 1).reshape(features.shape).MoveToOuterDisposeScope();
    }

    private static Tensor Enlarge(Tensor part, Tensor map)
        => F.interpolate(part, size: [map.size(2), map.size(3)], mode: InterpolationMode.Nearest);
}
