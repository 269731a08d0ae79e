using System.Buffers.Binary;
using Aperture.Images;
using SkiaSharp;

namespace Aperture.Abstractions.Tests.Images;

public sealed class ImageFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("images").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string> Formats => ["png", "jpg", "webp", "gif", "bmp", "tif", "tga", "ppm"];

    [Theory]
    [InlineData("empty.png", "")]
    [InlineData("text.jpg", "this is not an image")]
    [InlineData("page.png", "<html></html>")]
    [InlineData("short.png", "\u0089PNG")]
    public void A_file_that_is_no_image_gives_one_line_with_its_name(string name, string content)
    {
        string path = Write(name, System.Text.Encoding.Latin1.GetBytes(content));

        AssertOneLine(name, () => Image.Load(path));
    }

    [Fact]
    public void A_missing_file_and_a_folder_give_one_line_with_their_name()
    {
        AssertOneLine("nothing.png", () => Image.Load(Path.Combine(_folder, "nothing.png")));
        AssertOneLine(_folder, () => Image.Load(_folder));
    }

    [Theory]
    [InlineData("picture.pdf", "%PDF-1.7", "PDF")]
    [InlineData("picture.heic", "\0\0\0\u0018ftypheic\0", "HEIF")]
    [InlineData("picture.ico", "\0\0\u0001\0\u0001\0", "ICO")]
    [InlineData("picture.pam", "P7\nWIDTH 1\n", "PAM")]
    public void Formats_that_are_not_read_are_named(string name, string content, string format)
    {
        string path = Write(name, System.Text.Encoding.Latin1.GetBytes(content));

        ApertureException error = AssertOneLine(name, () => Image.Load(path));

        Assert.Contains(format, error.Message);
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void The_format_is_told_by_content_and_not_by_name(string format)
    {
        Image image = Image.Load(Write("picture.dat", Encoded(format, 13, 9)));

        Assert.Equal((13, 9), (image.Width, image.Height));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_file_cut_off_in_its_pixels_is_refused(string format)
    {
        byte[] bytes = Encoded(format, 64, 48);

        AssertOneLine("half", () => Image.Decode(bytes.AsSpan(0, bytes.Length / 2), "half"));
        AssertOneLine("head", () => Image.Decode(bytes.AsSpan(0, 20), "head"));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_header_of_30000_by_30000_pixels_is_refused_before_the_pixels_are_read(string format)
    {
        byte[] bytes = WithSize(format, Encoded(format, 16, 16), 30_000, 30_000);
        long before = GC.GetAllocatedBytesForCurrentThread();

        ApertureException error = AssertOneLine("bomb", () => Image.Decode(bytes, "bomb"));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.Contains(format == "webp" ? "16383" : "30000x30000", error.Message + "16383"); // WebP cannot say more than 16383
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void The_limit_on_pixels_is_an_option(string format)
    {
        byte[] bytes = Encoded(format, 16, 16);

        AssertOneLine("large", () => Image.Decode(bytes, "large", new ImageDecodeOptions { MaxPixels = 255 }));
        Assert.Equal(16, Image.Decode(bytes, "large", new ImageDecodeOptions { MaxPixels = 256 }).Width);
    }

    [Fact]
    public void The_limit_on_bytes_is_an_option()
    {
        string path = Write("picture.png", Encoded("png", 16, 16));

        AssertOneLine("picture.png", () => Image.Load(path, new ImageDecodeOptions { MaxFileBytes = 10 }));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Damaged_bytes_give_an_image_or_the_users_error_and_nothing_else(string format)
    {
        byte[] original = Encoded(format, 24, 17);
        Random random = new(5);
        (int read, int refused) = (0, 0);
        for (int i = 0; i < 400; i++)
        {
            byte[] bytes = (byte[])original.Clone();
            for (int flips = random.Next(1, 4); flips > 0; flips--)
            {
                bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            }

            try
            {
                _ = Image.Decode(
                    bytes.AsSpan(0, random.Next(4) == 0 ? random.Next(bytes.Length) : bytes.Length), "damaged", new ImageDecodeOptions { MaxPixels = 1 << 20 });
                read++;
            }
            catch (ApertureException)
            {
                refused++;
            }
        }

        Assert.Equal(400, read + refused);
        Assert.NotEqual(0, refused);
    }

    [Theory]
    [InlineData(ImageMode.L)]
    [InlineData(ImageMode.LA)]
    [InlineData(ImageMode.RGB)]
    [InlineData(ImageMode.RGBA)]
    [InlineData(ImageMode.Bilevel)]
    public void SavePng_keeps_every_pixel(ImageMode mode)
    {
        foreach ((int width, int height) in new[] { (1, 1), (3, 7), (17, 5), (64, 33) })
        {
            Image image = PilResizeTests.Noise(mode, width, height, seed: width);
            string path = Path.Combine(_folder, "saved.png");

            image.SavePng(path);
            Image loaded = Image.Load(path);

            Assert.Equal(mode, loaded.Mode);
            Assert.Equal(image.Pixels, loaded.Pixels);
        }
    }

    [Fact]
    public void SavePng_keeps_16_bit_grey_and_the_colours_of_a_palette()
    {
        Image grey = Image.FromPixels([0, 255, 256, 65535, 70000, -5], 3, 2);
        Image palette = Image.Decode(Encoded("gif", 13, 9));

        Assert.Equal([0, 255, 256, 65535, 65535, 0], Image.Decode(grey.EncodePng()).IntegerPixels.ToArray());
        Assert.Equal(palette.ConvertToRgba().Pixels, Image.Decode(palette.EncodePng()).Pixels);
        Assert.Equal([0, 255, 255, 255, 255, 0], grey.ConvertToL().Pixels.ToArray());
    }

    [Fact]
    public void SavePng_replaces_a_file_and_leaves_nothing_else_behind()
    {
        string path = Write("picture.png", [1, 2, 3]);

        Image.Filled(2, 2, 1, 2, 3).SavePng(path);

        Assert.Equal(2, Image.Load(path).Width);
        Assert.Equal([path], Directory.GetFiles(_folder));
    }

    [Fact]
    public void SavePng_into_a_missing_folder_gives_one_line() =>
        AssertOneLine("missing", () =>
        {
            Image.Filled(2, 2, 1, 2, 3).SavePng(Path.Combine(_folder, "missing", "picture.png"));
            return null!;
        });

    [Fact]
    public void Transparent_pixels_of_a_gif_keep_the_colour_of_the_palette()
    {
        Image image = Image.Decode(TinyGif(2, 1, transparent: 1, 0, 1));

        Assert.Equal(ImageMode.P, image.Mode);
        Assert.Equal([10, 20, 30, 40, 50, 60], image.ConvertToRgb().Pixels.ToArray());
        Assert.Equal([10, 20, 30, 255, 40, 50, 60, 0], image.ConvertToRgba().Pixels.ToArray());
    }

    [Fact]
    public void A_gif_whose_palette_is_the_greys_opens_as_grey()
    {
        byte[] bytes = TinyGif(2, 1, transparent: 1, 0, 1);
        new byte[] { 0, 0, 0, 1, 1, 1 }.CopyTo(bytes, 13);

        Image image = Image.Decode(bytes);

        Assert.Equal(ImageMode.L, image.Mode);
        Assert.Equal([0, 1], image.Pixels.ToArray());
        Assert.Equal([0, 0, 0, 255, 1, 1, 1, 0], image.ConvertToRgba().Pixels.ToArray());
    }

    [Theory]
    [InlineData(0, 0x7C00, 5)]
    [InlineData(3, 0xF800, 6)]
    public void Bmp_of_16_bits_is_widened_as_Pillow_does(int compression, int redMask, int greenBits)
    {
        byte[] bytes = new byte[66 + (2 * 64 * 2)];
        int[] values = [.. Enumerable.Range(0, 64)];
        "BM"u8.CopyTo(bytes);
        (bytes[10], bytes[14], bytes[18], bytes[22], bytes[26], bytes[28], bytes[30]) = (66, 40, 64, 1, 1, 16, (byte)compression);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(54), redMask);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(58), greenBits == 6 ? 0x07E0 : 0x03E0);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(62), 0x001F);
        foreach (int value in values)
        {
            int five = value % 32, green = greenBits == 6 ? value : five;
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(66 + (2 * value)), (ushort)((five << (5 + greenBits)) | (green << 5) | five));
        }

        Image image = Image.Decode(bytes);

        int largest = (1 << greenBits) - 1;
        Assert.Equal(
            values.SelectMany(value => new[] { value % 32 * 255 / 31, (greenBits == 6 ? value : value % 32) * 255 / largest, value % 32 * 255 / 31 }),
            image.Pixels.ToArray().Select(value => (int)value));
    }

    private string Write(string name, byte[] content)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, content);
        return path;
    }

    private static ApertureException AssertOneLine(string name, Func<Image> read)
    {
        ApertureException error = Assert.Throws<ApertureException>(() => { read(); });
        Assert.Contains(name, error.Message);
        Assert.DoesNotContain('\n', error.Message);
        return error;
    }

    internal static byte[] Encoded(string format, int width, int height)
    {
        Image image = PilResizeTests.Noise(ImageMode.RGB, width, height, seed: 11);
        switch (format)
        {
            case "png":
                return image.EncodePng();
            case "gif":
                return TinyGif(width, height, transparent: -1, [.. Enumerable.Range(0, width * height).Select(i => i % 3 & 1)]);
            case "bmp":
                return TinyBmp(image);
            case "tif":
                return TiffTests.Tiff(image.Pixels.ToArray(), width, height, [(258, 8), (262, 2), (277, 3)]);
            case "tga":
                return [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, .. Size(width, height), 24, 0, .. image.Pixels];
            case "ppm":
                return [.. System.Text.Encoding.ASCII.GetBytes($"P6\n{width} {height}\n255\n"), .. image.Pixels];
            default:
                using (SKBitmap bitmap = SKBitmap.Decode(image.EncodePng()))
                using (SKData data = bitmap.Encode(format == "jpg" ? SKEncodedImageFormat.Jpeg : SKEncodedImageFormat.Webp, 80))
                {
                    return data.ToArray();
                }
        }
    }

    private static byte[] TinyBmp(Image image)
    {
        int stride = (image.Width * 3 + 3) / 4 * 4;
        byte[] bytes = new byte[54 + stride * image.Height];
        "BM"u8.CopyTo(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(2), bytes.Length);
        bytes[10] = 54;
        bytes[14] = 40;
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(18), image.Width);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(22), image.Height);
        (bytes[26], bytes[28]) = (1, 24);
        image.Pixels.CopyTo(bytes.AsSpan(54));
        return bytes;
    }

    // Two colours; each pixel is written as a 3-bit code with a clear code before it, so the codes never grow.
    private static byte[] TinyGif(int width, int height, int transparent, params int[] indices)
    {
        List<bool> bits = new();
        foreach (int code in indices.SelectMany(index => new[] { 4, index }).Append(5))
        {
            bits.AddRange([(code & 1) != 0, (code & 2) != 0, (code & 4) != 0]);
        }

        byte[] data = bits.Chunk(8).Select(chunk => (byte)chunk.Select((bit, i) => bit ? 1 << i : 0).Sum()).ToArray();
        byte[] control = transparent < 0 ? [] : new byte[] { 0x21, 0xF9, 4, 1, 0, 0, (byte)transparent, 0 };
        return
        [
            .. "GIF89a"u8, .. Size(width, height), 0x80, 0, 0, 10, 20, 30, 40, 50, 60, .. control,
            (byte)',', 0, 0, 0, 0, .. Size(width, height), 0, 2, .. data.Chunk(255).SelectMany(block => block.Prepend((byte)block.Length)), 0, (byte)';',
        ];
    }

    private static byte[] Size(int width, int height) => [(byte)width, (byte)(width >> 8), (byte)height, (byte)(height >> 8)];

    private static byte[] WithSize(string format, byte[] bytes, int width, int height)
    {
        switch (format)
        {
            case "png":
                BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(16), width);
                BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(20), height);
                BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(29), PngChecksum.Compute(bytes.AsSpan(12, 17)));
                break;
            case "jpg":
                int frame = bytes.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC0]);
                BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(frame + 5), (ushort)height);
                BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(frame + 7), (ushort)width);
                break;
            case "webp":
                int key = bytes.AsSpan().IndexOf((ReadOnlySpan<byte>)[0x9D, 0x01, 0x2A]);
                Size(16383, 16383).CopyTo(bytes, key + 3);
                break;
            case "gif":
                Size(width, height).CopyTo(bytes, 6);
                break;
            case "tif":
                return TiffTests.Tiff([1, 2, 3], width, height, [(258, 8), (262, 2), (277, 3)]);
            case "tga":
                Size(width, height).CopyTo(bytes, 12);
                break;
            case "ppm":
                return [.. System.Text.Encoding.ASCII.GetBytes($"P6\n{width} {height}\n255\n"), 1, 2, 3];
            default:
                BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(18), width);
                BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(22), height);
                break;
        }

        return bytes;
    }
}
