using System.Buffers.Binary;
using System.Security.Cryptography;
using Aperture.Images;
using SkiaSharp;

namespace Aperture.Abstractions.Tests.Images;

/// <summary>Pictures that are cut where it does not show, that claim more than they hold, or that are no files.</summary>
public sealed class HostileImageTests : IDisposable
{
    /// <summary>24 x 16 grey pixels of a progressive JPEG file that Pillow wrote.</summary>
    private const string Progressive =
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVtVkVGZIhlbXd7gYKBTmCNl4x9lnN+gXz/wgALCAAQAB"
        + "gBAREA/8QAFQABAQAAAAAAAAAAAAAAAAAABAP/2gAIAQEAAAABAlUlV//EABgQAQEAAwAAAAAAAAAAAAAAAAIAAQMS/9oACAEBAAEFAiYmJiYmzzrP/8QAGBAAAgMAAAAA"
        + "AAAAAAAAAAAAAREAAiD/2gAIAQEABj8Cy7lCf//EABYQAAMAAAAAAAAAAAAAAAAAAAABIP/aAAgBAQABPyGVVcEP/9oACAEBAAAAEFf/xAAZEAEAAwEBAAAAAAAAAAAAAA"
        + "ABACExEUH/2gAIAQEAAT8QxqY1MamNTGpxkJDqL1fALZ//2Q==";

    private readonly string _folder = Directory.CreateTempSubdirectory("images").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_progressive_JPEG_is_read_whole_or_not_at_all()
    {
        byte[] file = Convert.FromBase64String(Progressive);
        string pixels = Convert.ToHexStringLower(SHA256.HashData(Image.Decode(file).ConvertToL().Pixels));
        Assert.Equal("90fe04737fcd3280f22b6d7fac79df0f26e9769321854f72ac4eececa291ff5f", pixels); // Pillow's own
        for (int length = 3; length < file.Length; length++)
        {
            Assert.Throws<ApertureException>(() => Image.Decode(file.AsSpan(0, length)));
        }

        Assert.Equal(24, Image.Decode([.. file, 0, 1, 2]).Width); // what follows the end is nobody's
    }

    [Fact]
    public void A_small_JPEG_that_claims_177_megapixels_takes_no_memory_for_them()
    {
        using SKBitmap small = new(16, 16);
        byte[] file = small.Encode(SKEncodedImageFormat.Jpeg, 50).ToArray();
        int frame = file.AsSpan().IndexOf([(byte)0xFF, (byte)0xC0]);
        BinaryPrimitives.WriteUInt16BigEndian(file.AsSpan(frame + 5), 13300);
        BinaryPrimitives.WriteUInt16BigEndian(file.AsSpan(frame + 7), 13300);
        long before = GC.GetAllocatedBytesForCurrentThread();

        string message = Assert.Throws<ApertureException>(() => Image.Decode(file, "big.jpg")).Message;

        Assert.Contains("big.jpg", message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(10)]
    [InlineData(11)]
    public void A_PNG_with_a_cut_or_empty_chunk_behind_its_pixels_is_read(int kept)
    {
        byte[] png = Image.FromRgb([1, 2, 3, 4, 5, 6], 2, 1).EncodePng();
        byte[] chunk = [0, 0, 0, 0, .. "IDAT"u8, 0x35, 0xaf, 0x06, 0x1e];

        Image image = Image.Decode([.. png[..^12], .. chunk[..kept]]);

        Assert.Equal([1, 2, 3, 4, 5, 6], image.Pixels.ToArray());
    }

    [Fact]
    public void A_PNG_whose_pixels_need_a_dictionary_is_refused_in_one_line()
    {
        byte[] png = Image.FromRgb([1, 2, 3], 1, 1).EncodePng();
        int data = png.AsSpan().IndexOf("IDAT"u8) + 4;
        (png[data], png[data + 1]) = (0x78, 0xBB); // deflate, level 2, preset dictionary

        Assert.Contains("dictionary", Assert.Throws<ApertureException>(() => Image.Decode(png)).Message);
    }

    [Fact]
    public void A_pipe_or_a_device_is_no_picture_and_is_not_waited_for()
    {
        string pipe = NamedPipe.Make(Path.Combine(_folder, "pipe.png"));

        Assert.Contains("it is a pipe, not a file", Assert.Throws<ApertureException>(() => Image.Load(pipe)).Message);
        Assert.Contains("it is a device, not a file", Assert.Throws<ApertureException>(() => Image.Load("/dev/zero")).Message);
        Assert.Contains("it is a folder, not a file", Assert.Throws<ApertureException>(() => Image.Load(_folder)).Message);
        Assert.Contains("it is a pipe, not a file", Assert.Throws<ApertureException>(() => Aperture.Weights.WeightFiles.Open(pipe)).Message);
        Assert.Contains("it is a pipe, not a file", Assert.Throws<ApertureException>(() => Aperture.Models.ModelFolder.ReadJson(pipe)).Message);
    }
}
