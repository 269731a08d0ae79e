using System.Buffers.Binary;
using Aperture.Images;

namespace Aperture.Abstractions.Tests.Images;

public sealed class ImageOrientationTests
{
    private static readonly byte[] _stored = [1, 2, 3, 4, 5, 6]; // 3 wide, 2 high

    public static TheoryData<int, int, byte[]> Upright => new()
    {
        { 1, 3, [1, 2, 3, 4, 5, 6] },
        { 2, 3, [3, 2, 1, 6, 5, 4] },
        { 3, 3, [6, 5, 4, 3, 2, 1] },
        { 4, 3, [4, 5, 6, 1, 2, 3] },
        { 5, 2, [1, 4, 2, 5, 3, 6] },
        { 6, 2, [4, 1, 5, 2, 6, 3] },
        { 7, 2, [6, 3, 5, 2, 4, 1] },
        { 8, 2, [3, 6, 2, 5, 1, 4] },
    };

    [Theory]
    [MemberData(nameof(Upright))]
    public void Orientation_is_reported_and_applied_only_on_request(int value, int width, byte[] expected)
    {
        Image image = Image.Decode(PngWith(Tiff(value, little: value % 2 == 0)));
        Image upright = image.ApplyOrientation();

        Assert.Equal(value, (int)image.Orientation);
        Assert.Equal(_stored, image.Pixels.ToArray());
        Assert.Equal((width, expected.Length / width, ImageOrientation.Upright), (upright.Width, upright.Height, upright.Orientation));
        Assert.Equal(expected, upright.Pixels.ToArray());
    }

    [Fact]
    public void Every_mode_is_turned_by_whole_pixels()
    {
        Image rgb = new(ImageMode.RGB, 2, 1, new byte[] { 1, 2, 3, 4, 5, 6 }, orientation: ImageOrientation.Rotate90);
        Image wide = new(ImageMode.I, 2, 1, new[] { 70000, -1 }, orientation: ImageOrientation.Rotate180);
        Image real = new(ImageMode.F, 2, 1, new[] { 0.5f, -0.5f }, orientation: ImageOrientation.MirrorHorizontal);

        Assert.Equal([1, 2, 3, 4, 5, 6], rgb.ApplyOrientation().Pixels.ToArray());
        Assert.Equal(2, rgb.ApplyOrientation().Height);
        Assert.Equal([-1, 70000], wide.ApplyOrientation().IntegerPixels.ToArray());
        Assert.Equal([-0.5f, 0.5f], real.ApplyOrientation().SinglePixels.ToArray());
    }

    [Fact]
    public void Jpeg_and_webp_files_report_it_too()
    {
        byte[] exif = [.. "Exif\0\0"u8, .. Tiff(6, little: true)];
        byte[] jpeg = [0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 0, 0, 0xFF, 0xE1, 0, (byte)(2 + exif.Length), .. exif, 0xFF, 0xD9];
        byte[] webp = [.. "RIFF"u8, 0, 0, 0, 0, .. "WEBPVP8X"u8, 1, 0, 0, 0, 9, 0, .. "EXIF"u8, (byte)exif.Length, 0, 0, 0, .. exif];

        Assert.Equal(ImageOrientation.Rotate90, ExifOrientation.Read(jpeg));
        Assert.Equal(ImageOrientation.Rotate90, ExifOrientation.Read(webp));
    }

    [Fact]
    public void Damaged_metadata_means_upright()
    {
        byte[] tiff = Tiff(6, little: true);
        for (int length = 0; length < tiff.Length - 4; length++)
        {
            Assert.Equal(ImageOrientation.Upright, ExifOrientation.FromTiff(tiff.AsSpan(0, length)));
        }

        Assert.Equal(ImageOrientation.Upright, ExifOrientation.FromTiff(Tiff(9, little: false)));
        BinaryPrimitives.WriteUInt32LittleEndian(tiff.AsSpan(4), uint.MaxValue);
        Assert.Equal(ImageOrientation.Upright, ExifOrientation.FromTiff(tiff));
    }

    private static byte[] Tiff(int value, bool little) => little
        ? [.. "II*\0"u8, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, (byte)value, 0, 0, 0]
        : [.. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, (byte)value, 0, 0];

    private static byte[] PngWith(byte[] exif)
    {
        byte[] png = Image.FromPixels(ImageMode.L, _stored, 3, 2).EncodePng();
        byte[] chunk = [0, 0, 0, (byte)exif.Length, .. "eXIf"u8, .. exif, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(chunk.Length - 4), PngChecksum.Compute(chunk.AsSpan(4, 4 + exif.Length)));
        return [.. png[..33], .. chunk, .. png[33..]]; // after the header chunk
    }
}
