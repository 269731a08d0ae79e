using Aperture.Plugins.DitSam.Sam;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Dit;

/// <summary>Logits of a DIT to masks.</summary>
internal static class DitMasks
{
    /// <summary>Which pixels of the square are inside.</summary>
    /// <param name="logits"><c>[…, S, S]</c>; borrowed.</param>
    /// <param name="threshold">Probability above which one is.</param>
    /// <returns>float32, 0 or 1, of the same shape; the caller disposes it.</returns>
    public static Tensor Binary(Tensor logits, double threshold)
    {
        using DisposeScope scope = NewDisposeScope();
        return logits.sigmoid().gt(threshold).to_type(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    /// <summary>A mask of the square in the size of the picture.</summary>
    /// <param name="binary">0 or 1 <c>[S, S]</c>; borrowed.</param>
    /// <param name="frame">Where the picture lies in the square.</param>
    /// <param name="binarise">When a pixel between those of the square is inside.</param>
    public static MaskImage ToPicture(Tensor binary, Frame frame, DitBinarise binarise)
    {
        using DisposeScope scope = NewDisposeScope();
        float[] inner = frame.Inner(binary).cpu().contiguous().data<float>().ToArray();
        float[] values = LinearResize.Run(inner, frame.InnerWidth, frame.InnerHeight, frame.Width, frame.Height);
        return new MaskImage(values, frame.Width, frame.Height, binarise == DitBinarise.Any ? 0 : MaskImage.FloatThreshold);
    }
}
