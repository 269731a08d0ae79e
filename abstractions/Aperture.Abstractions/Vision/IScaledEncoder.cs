namespace Aperture.Vision;

/// <summary>
/// A vision encoder that can look at a picture in less detail than it does by itself, so that fewer rows come of it and the encoder has less to do: a smaller
/// input side, fewer or smaller tiles. Encoders whose input has one size are no such encoders.
/// </summary>
public interface IScaledEncoder : IVisionEncoder
{
    /// <summary>What a picture gives and costs where at most so many rows may come of it.</summary>
    /// <param name="width">Width in pixels.</param>
    /// <param name="height">Height in pixels.</param>
    /// <param name="rows">The most rows that may enter the decoder; <see cref="int.MaxValue"/> for the picture as the encoder looks at it by itself.</param>
    /// <returns>The greatest detail that keeps to it; the least there is where none does.</returns>
    ScaledPicture CostOf(int width, int height, int rows);

    /// <summary>Prepares one picture in the detail of <see cref="CostOf"/>.</summary>
    /// <param name="rgb">Interleaved RGB bytes, row by row, <c>height * width * 3</c> of them.</param>
    /// <param name="width">Width in pixels.</param>
    /// <param name="height">Height in pixels.</param>
    /// <param name="rows">The most rows that may enter the decoder.</param>
    /// <returns>What <see cref="IVisionEncoder.Encode"/> takes; the caller disposes it.</returns>
    VisionInput Prepare(ReadOnlySpan<byte> rgb, int width, int height, int rows);
}

/// <summary>What a picture gives and costs in some detail.</summary>
/// <param name="Rows">Rows that enter the decoder, separators included.</param>
/// <param name="Features">Rows that the projector gets.</param>
/// <param name="Macs">Multiply-accumulates of the encoder.</param>
public readonly record struct ScaledPicture(int Rows, int Features, long Macs);
