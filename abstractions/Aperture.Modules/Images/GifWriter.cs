using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Gif;
using SixLabors.ImageSharp.PixelFormats;
using SixLabors.ImageSharp.Processing.Processors.Quantization;

namespace Aperture.Images;

/// <summary>Writes animated GIF: a palette of its own for each frame, repeated for ever.</summary>
internal static class GifWriter
{
    private static readonly GifEncoder _encoder = new() { ColorTableMode = GifColorTableMode.Local, Quantizer = new WuQuantizer() };

    /// <summary>Writes frames of one size; the delay is counted in hundredths of a second.</summary>
    public static byte[] Write(IReadOnlyList<Image> frames, int delay)
    {
        using Image<Rgb24> animation = frames[0].ToImageSharp();
        animation.Metadata.GetGifMetadata().RepeatCount = 0;
        foreach (Image frame in frames.Skip(1))
        {
            using Image<Rgb24> next = frame.ToImageSharp();
            animation.Frames.AddFrame(next.Frames.RootFrame);
        }

        foreach (ImageFrame<Rgb24> frame in animation.Frames)
        {
            frame.Metadata.GetGifMetadata().FrameDelay = delay;
        }

        using MemoryStream file = new();
        animation.Save(file, _encoder);
        return file.ToArray();
    }
}
