using System.Runtime.InteropServices;
using SkiaSharp;

namespace Aperture.Images;

/// <summary>JPEG by SkiaSharp, whose libjpeg-turbo gives the numbers of Pillow's; without colour management.</summary>
internal static class SkiaReader
{
    /// <summary>Every block of 8 x 8 pixels takes a bit at least.</summary>
    private const long MostPixelsPerByte = 8 * 64;

    public static Image Read(ReadOnlySpan<byte> bytes, ImageSource source)
    {
        JpegMarkers markers = JpegMarkers.Read(bytes);
        source.CheckSize(Math.Max(markers.Width, 1), Math.Max(markers.Height, 1), bytesPerPixel: 4);
        bool isCut = markers.HasSeveralScans && !markers.IsEnded;
        if (isCut || (!markers.IsArithmetic && (long)markers.Width * markers.Height > bytes.Length * MostPixelsPerByte))
        {
            throw source.Truncated();
        }

        using SKData data = SKData.CreateCopy(bytes);
        using SKCodec codec = SKCodec.Create(data) ?? throw source.Damaged("its header cannot be understood");
        (int width, int height) = (codec.Info.Width, codec.Info.Height);
        source.CheckSize(width, height, bytesPerPixel: 4);

        byte[] rgba = new byte[width * height * 4];
        GCHandle pinned = GCHandle.Alloc(rgba, GCHandleType.Pinned);
        SKCodecResult result;
        try
        {
            result = codec.GetPixels(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul, null), pinned.AddrOfPinnedObject());
        }
        finally
        {
            pinned.Free();
        }

        if (result != SKCodecResult.Success)
        {
            throw result == SKCodecResult.IncompleteInput ? source.Truncated() : source.Damaged($"its pixels cannot be decoded ({result})");
        }

        Image image = new(ImageMode.RGBA, width, height, rgba, orientation: ExifOrientation.Read(bytes));
        return codec.Info.ColorType == SKColorType.Gray8 ? Grey(image) : image.ConvertToRgb();
    }

    private static Image Grey(Image image)
    {
        byte[] grey = new byte[image.Width * image.Height];
        for (int i = 0; i < grey.Length; i++)
        {
            grey[i] = image.Bytes[4 * i];
        }

        return new Image(ImageMode.L, image.Width, image.Height, grey, orientation: image.Orientation);
    }
}
