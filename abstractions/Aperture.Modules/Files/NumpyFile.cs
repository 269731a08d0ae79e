using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;

namespace Aperture.Files;

/// <summary>
/// Reads numpy's files: arrays of numbers, truth values and text (<c>.npy</c>), and archives of them (<c>.npz</c>), stored or deflated. Arrays of Python
/// objects are pickles and are refused. The files are untrusted input.
/// </summary>
public static partial class NumpyFile
{
    private const int LongestHeader = 1 << 20, MaxRank = 32, MaxEntries = 1_000_000;
    private const long LargestArray = 1L << 31;

    /// <summary>Reads an array.</summary>
    /// <param name="path">The <c>.npy</c> file.</param>
    /// <exception cref="ApertureException">The file is missing, damaged, or holds objects.</exception>
    public static NumpyArray Read(string path)
    {
        try
        {
            using FileStream file = InputFile.Open(path);
            return Read(file, $"'{path}'", file.Length);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(path, error);
        }
    }

    /// <summary>Reads the arrays of an archive.</summary>
    /// <param name="path">The <c>.npz</c> file.</param>
    /// <returns>The arrays by name, without <c>.npy</c>.</returns>
    /// <exception cref="ApertureException">The file is missing or damaged, or an array holds objects.</exception>
    public static IReadOnlyDictionary<string, NumpyArray> ReadArchive(string path)
    {
        try
        {
            using ZipArchive archive = new(InputFile.Open(path), ZipArchiveMode.Read);
            if (archive.Entries.Count > MaxEntries)
            {
                throw new ApertureException($"'{path}' has {archive.Entries.Count} entries, more than an archive of arrays ever has.");
            }

            Dictionary<string, NumpyArray> arrays = new(StringComparer.Ordinal);
            foreach (ZipArchiveEntry entry in archive.Entries)
            {
                using Stream stream = entry.Open();
                string name = entry.FullName.EndsWith(".npy", StringComparison.Ordinal) ? entry.FullName[..^4] : entry.FullName;
                arrays[name] = Read(stream, $"'{path}', array '{name}'", entry.Length);
            }

            return arrays;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw Unreadable(path, error);
        }
    }

    private static ApertureException Unreadable(string path, Exception error)
        => new($"'{path}' cannot be read as numpy's: {error.Message.ReplaceLineEndings(" ").TrimEnd('.')}; check the path or fetch the file again.", error);

    private static NumpyArray Read(Stream stream, string where, long length)
    {
        byte[] head = new byte[8];
        if (stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) < head.Length || head[0] != 0x93 || !head.AsSpan(1, 5).SequenceEqual("NUMPY"u8))
        {
            throw new ApertureException($"{where} is no array of numpy: it does not begin as one; check the file.");
        }

        int size = head[6] >= 2 ? 4 : 2;
        byte[] bytes = new byte[size];
        stream.ReadExactly(bytes);
        long header = size == 4 ? BitConverter.ToUInt32(bytes) : BitConverter.ToUInt16(bytes);
        if (header > LongestHeader)
        {
            throw new ApertureException($"{where} has a header of {header} bytes, longer than numpy ever writes; fetch the file again.");
        }

        byte[] text = new byte[header];
        stream.ReadExactly(text);
        return ReadBody(stream, Encoding.UTF8.GetString(text), where, length - head.Length - size - header);
    }

    private static NumpyArray ReadBody(Stream stream, string header, string where, long left)
    {
        Match type = Type().Match(header), order = Order().Match(header), sizes = Sizes().Match(header);
        if (!type.Success || !order.Success || !sizes.Success)
        {
            throw new ApertureException(
                header.Contains("'descr': [", StringComparison.Ordinal)
                    ? $"{where} holds records of several fields; save each field as an array of its own."
                    : $"{where} has a header that numpy does not write; fetch the file again.");
        }

        char kind = type.Groups[2].Value[0];
        if (!"fiubU".Contains(kind))
        {
            throw new ApertureException(
                kind == 'O' ? $"{where} holds Python objects, which are a pickle and could run code; save numbers or text instead."
                : $"{where} holds elements of numpy's type '{type.Value}', which are not read; save numbers or text.");
        }

        int item = checked((type.Groups[3].Length == 0 ? 0 : int.Parse(type.Groups[3].Value, CultureInfo.InvariantCulture)) * (kind == 'U' ? 4 : 1));
        string[] parts = sizes.Groups[1].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Int128 total = Math.Max(1, item);
        long[] shape = new long[Math.Min(parts.Length, MaxRank)];
        for (int i = 0; i < shape.Length; i++)
        {
            shape[i] = long.TryParse(parts[i].TrimEnd('L'), NumberStyles.None, CultureInfo.InvariantCulture, out long value)
                ? value : throw new ApertureException($"{where} has the size '{parts[i]}'; fetch the file again.");
            total = Int128.Min(total * value, long.MaxValue);
        }

        bool valid = parts.Length <= MaxRank && (kind, item) is ('f', 2 or 4 or 8) or ('i' or 'u', 1 or 2 or 4 or 8) or ('b', 1) or ('U', >= 0);
        if (!valid || total > LargestArray || total > left)
        {
            throw new ApertureException(
                $"{where} says it holds [{string.Join(", ", shape)}] elements of type '{type.Groups[2].Value}{type.Groups[3].Value}', which do not fit into "
                + "it; fetch the file again.");
        }

        byte[] stored = new byte[(long)total];
        stream.ReadExactly(stored);
        if (type.Groups[1].Value == ">")
        {
            Swap(stored, kind == 'U' ? 4 : item);
        }

        return new NumpyArray(kind, item, shape, order.Groups[1].Value == "True" ? RowMajor(stored, shape, item) : stored);
    }

    private static void Swap(byte[] bytes, int item)
    {
        for (int start = 0; item > 1 && start + item <= bytes.Length; start += item)
        {
            bytes.AsSpan(start, item).Reverse();
        }
    }

    private static byte[] RowMajor(byte[] stored, long[] shape, int item)
    {
        byte[] ordered = new byte[stored.Length];
        int count = item == 0 ? 0 : stored.Length / item;
        for (int place = 0; place < count; place++)
        {
            long rest = place, from = 0, step = 1;
            long[] index = new long[shape.Length];
            for (int axis = shape.Length - 1; axis >= 0; axis--)
            {
                index[axis] = rest % shape[axis];
                rest /= shape[axis];
            }

            for (int axis = 0; axis < shape.Length; axis++)
            {
                from += index[axis] * step;
                step *= shape[axis];
            }

            stored.AsSpan((int)from * item, item).CopyTo(ordered.AsSpan(place * item));
        }

        return ordered;
    }

    [GeneratedRegex("'descr': '([<>|=]?)([A-Za-z])([0-9]{0,6})'")]
    private static partial Regex Type();

    [GeneratedRegex("'fortran_order': (True|False)")]
    private static partial Regex Order();

    [GeneratedRegex(@"'shape': \(([^)]*)\)")]
    private static partial Regex Sizes();
}
