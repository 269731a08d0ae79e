using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Aperture.Images;
using Aperture.Plugins.DitSam.Dit;

namespace Aperture.Plugins.DitSam.Refer;

/// <summary>Masks in NumPy's <c>.npy</c> files: one plane of bytes or truth values. What a file says of itself is not trusted.</summary>
internal static partial class NumpyFile
{
    private const int LongestHeader = 1 << 16, HeaderStart = 10, LargestSide = 1 << 16, LargestArea = 1 << 28;

    /// <summary>Reads a mask: what is not 0 is inside.</summary>
    /// <param name="path">The file.</param>
    /// <returns>A grey image, 255 inside.</returns>
    /// <exception cref="ApertureException">The file is damaged, or holds something else.</exception>
    public static Image ReadMask(string path)
    {
        using FileStream file = File.OpenRead(path);
        (int height, int width, bool byColumns) = ReadHeader(file, path);
        byte[] values = new byte[height * width];
        if (file.Length - file.Position < values.Length)
        {
            throw Damaged(path, $"it ends before its {values.Length} values");
        }

        file.ReadExactly(values);
        byte[] pixels = new byte[values.Length];
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                pixels[(y * width) + x] = values[byColumns ? (x * height) + y : (y * width) + x] != 0 ? byte.MaxValue : byte.MinValue;
            }
        }

        return Image.FromPixels(ImageMode.L, pixels, width, height);
    }

    private static (int Height, int Width, bool ByColumns) ReadHeader(FileStream file, string path)
    {
        Span<byte> start = stackalloc byte[HeaderStart + 2];
        int major = file.ReadAtLeast(start[..HeaderStart], HeaderStart, throwOnEndOfStream: false) == HeaderStart ? start[6] : 0;
        if (!start[..6].SequenceEqual(Magic) || major is not (1 or 2 or 3))
        {
            throw Damaged(path, "it does not begin as one");
        }

        long length = start[8] | (start[9] << 8);
        if (major > 1)
        {
            file.ReadExactly(start[HeaderStart..]);
            length |= ((long)start[10] << 16) | ((long)start[11] << 24);
        }

        if (length > LongestHeader || length > file.Length - file.Position)
        {
            throw Damaged(path, $"its header would have {length} bytes");
        }

        byte[] header = new byte[length];
        file.ReadExactly(header);
        Match match = Header().Match(Encoding.Latin1.GetString(header));
        if (!match.Success)
        {
            throw Damaged(path, "it holds no plane of bytes or truth values (dtype |u1, |i1 or |b1, two dimensions)");
        }

        long height = long.Parse(match.Groups["height"].ValueSpan, CultureInfo.InvariantCulture);
        long width = long.Parse(match.Groups["width"].ValueSpan, CultureInfo.InvariantCulture);
        return height is >= 1 and <= LargestSide && width is >= 1 and <= LargestSide && height * width <= LargestArea
            ? ((int)height, (int)width, match.Groups["order"].Value == "True")
            : throw Damaged(path, $"a mask of {width}x{height} pixels is not supported");
    }

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    private static ApertureException Damaged(string path, string what) => new($"{DitFactory.SegmenterName}: '{path}' is no mask in NumPy's format: {what}.");

    [GeneratedRegex("""^\{'descr': '[|<]?[uib]1', 'fortran_order': (?<order>True|False), 'shape': \((?<height>\d{1,9}), (?<width>\d{1,9})\),? *\}\s*$""")]
    private static partial Regex Header();
}
