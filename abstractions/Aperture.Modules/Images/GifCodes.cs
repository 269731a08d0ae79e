namespace Aperture.Images;

/// <summary>
/// Follows the LZW codes of a GIF frame without expanding them: a code stands for an earlier code's string and one more byte. ImageSharp leaves pixels black
/// that no code stands for, and says nothing.
/// </summary>
internal static class GifCodes
{
    private const int LargestCode = 4096;

    /// <summary>Checks that the blocks, which begin with the byte of the smallest code's size, stand for at least <paramref name="count"/> pixels.</summary>
    /// <returns>How many bytes from the beginning hold them, the last block whole.</returns>
    public static int Check(ReadOnlySpan<byte> data, int count, ImageSource source)
    {
        byte minimum = data.IsEmpty ? (byte)0 : data[0];
        if (minimum is < 2 or > 11)
        {
            throw source.Damaged($"its code size is {minimum}");
        }

        (int clear, int end) = (1 << minimum, (1 << minimum) + 1);
        Span<int> lengths = stackalloc int[LargestCode];
        lengths[..clear].Fill(1);
        (int filled, int bits, uint buffer, int size, int next, int previous) = (0, 0, 0u, minimum + 1, end + 1, -1);
        (int position, int blockEnd) = (1, 1);
        while (filled < count)
        {
            for (; bits < size; bits += 8)
            {
                if (position == blockEnd)
                {
                    int block = position < data.Length ? data[position] : 0;
                    (position, blockEnd) = (position + 1, position + 1 + block);
                    if (block == 0 || blockEnd > data.Length)
                    {
                        throw source.Truncated();
                    }
                }

                buffer |= (uint)data[position++] << bits;
            }

            int current = (int)(buffer & ((1u << size) - 1));
            (buffer, bits) = (buffer >> size, bits - size);
            if (current == clear)
            {
                (size, next, previous) = (minimum + 1, end + 1, -1);
                continue;
            }

            if (current == end)
            {
                throw source.Truncated();
            }

            if (current > next || (previous < 0 && current > end))
            {
                throw source.Damaged($"code {current} refers to nothing");
            }

            int length = current < next ? lengths[current] : lengths[previous] + 1;
            if (previous >= 0 && next < LargestCode)
            {
                lengths[next++] = lengths[previous] + 1;
                size += next == 1 << size && size < 12 ? 1 : 0;
            }

            (filled, previous) = (filled + length, current);
        }

        return blockEnd;
    }
}
