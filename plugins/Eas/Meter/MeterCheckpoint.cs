using Aperture.Sequences;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>METER's Lightning checkpoints: the tensors under <c>state_dict</c>, and the arms that a search left in its buffers.</summary>
internal static class MeterCheckpoint
{
    /// <summary>Opens a checkpoint: Lightning's .ckpt, or the same tensors in another weights file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ApertureException">The file cannot be read.</exception>
    public static IWeightSource Open(string path) => WeightFiles.Open(path, new WeightFileOptions { Lenient = true });

    /// <summary>The vision encoder's position table for another size of the picture.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="imageSize">Side of the picture in pixels.</param>
    /// <returns>The one tensor under its published name; the caller disposes it.</returns>
    /// <exception cref="ApertureException">The size is not a multiple of a patch.</exception>
    public static TensorWeights Resampled(IWeightSource source, int imageSize)
    {
        long patch = source.Describe(MeterKeys.Vision + "conv1.weight").Shape[^1];
        if (imageSize % patch != 0)
        {
            throw new ApertureException(
                $"{MeterFactory.ClassifierName}: ImageSize {imageSize} is not a multiple of the checkpoint's patches of {patch} pixels.");
        }

        using DisposeScope scope = NewDisposeScope();
        Tensor table = source.LoadCopy(MeterKeys.VisionPositions, ScalarType.Float32);
        int side = (int)(imageSize / patch);
        Tensor resampled = PositionTable.Resample(table, 1, new VisualGrid(side, side), PositionResampling.Bicubic);
        return new TensorWeights(new Dictionary<string, Tensor> { [MeterKeys.VisionPositions] = resampled.DetachFromDisposeScope() });
    }

    /// <summary>The arms that an EAS search chose: those with the highest scores, ascending by score. Null where the checkpoint holds no search.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <exception cref="ApertureException">The number of arms to skip is not one that the scores allow.</exception>
    public static int[]? SearchedArms(IWeightSource source)
    {
        if (!source.Contains(MeterKeys.SearchScores) || !source.Contains(MeterKeys.SkippedCount))
        {
            return null;
        }

        using DisposeScope scope = NewDisposeScope();
        float[] scores = source.LoadCopy(MeterKeys.SearchScores, ScalarType.Float32).data<float>().ToArray();
        double stored = source.LoadCopy(MeterKeys.SkippedCount, ScalarType.Float64).data<double>()[0];
        int count = double.IsFinite(stored) && Math.Abs(stored) <= scores.Length ? (int)Math.Round(stored, MidpointRounding.ToEven) : -1;
        return count >= 0
            ? [.. Enumerable.Range(0, scores.Length).OrderBy(arm => scores[arm]).TakeLast(count)]
            : throw new ApertureException(
                $"METER: {MeterKeys.SkippedCount} is {stored}, but a search over {scores.Length} attentions skips 0 to {scores.Length}; set Skip yourself.");
    }
}
