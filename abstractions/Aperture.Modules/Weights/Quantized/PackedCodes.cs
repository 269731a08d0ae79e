using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>Takes small codes out of the 32-bit words that they are packed in.</summary>
internal static class PackedCodes
{
    private const int Word = 32;

    /// <summary>How many codes a word holds.</summary>
    public static int PerWord(int bits) => Word / bits;

    /// <summary>The codes of each word, the lowest bits first.</summary>
    /// <param name="words">int32 <c>[rows, columns]</c>.</param>
    /// <param name="bits">Bits of a code.</param>
    /// <param name="axis">0 where the codes of a word follow each other down a column, 1 along a row.</param>
    /// <returns>int32 <c>[rows, columns · codes]</c> or <c>[rows · codes, columns]</c>, in the caller's scope.</returns>
    public static Tensor Unpack(Tensor words, int bits, int axis)
    {
        Tensor shifts = arange(0, Word / bits * bits, bits, ScalarType.Int32);
        Tensor each = (words.unsqueeze(-1).bitwise_right_shift(shifts)).bitwise_and(tensor((1 << bits) - 1, ScalarType.Int32)); // [rows, columns, codes]
        return axis == 1
            ? each.reshape(words.size(0), -1) // -> [rows, columns · codes]
            : each.permute(0, 2, 1).reshape(-1, words.size(1)); // -> [rows · codes, columns]
    }
}
