using Aperture.Kernels;

namespace Aperture.Abstractions.Tests.Kernels;

/// <summary>Every set of instructions that this processor has gives the exact sum, at widths inside and outside of its vectors.</summary>
public sealed unsafe class Int8DotTests
{
    public static TheoryData<int> Widths { get; } = [1, 2, 15, 31, 32, 33, 63, 64, 65, 96, 127, 128, 129, 160, 255, 512, 515, 2049];

    [Theory]
    [MemberData(nameof(Widths))]
    public void Sums_are_exact_for_one_and_four_rows(int width)
    {
        Random random = new(width);
        sbyte[] weights = [.. Enumerable.Range(0, width).Select(_ => (sbyte)random.Next(-127, 128))];
        sbyte[] rows = [.. Enumerable.Range(0, 4 * width).Select(_ => (sbyte)random.Next(-127, 128))];

        Check(weights, rows, width);
    }

    [Theory]
    [InlineData(127, 127)]
    [InlineData(127, -127)]
    [InlineData(-127, -127)]
    public void The_largest_codes_do_not_clip(int weight, int activation)
    {
        const int Width = 1090;
        Check([.. Enumerable.Repeat((sbyte)weight, Width)], [.. Enumerable.Repeat((sbyte)activation, 4 * Width)], Width);
    }

    private static void Check(sbyte[] weights, sbyte[] rows, int width)
    {
        int[] expected = [.. Enumerable.Range(0, 4).Select(row => Enumerable.Range(0, width).Sum(i => weights[i] * rows[(row * width) + i]))];
        int sum = weights.Sum(weight => (int)weight);
        foreach (Int8Instructions instructions in Enum.GetValues<Int8Instructions>().Where(Int8Dot.Has))
        {
            byte[] prepared = new byte[4 * width * Int8Dot.Size(instructions)];
            int[] four = new int[4];
            fixed (sbyte* w = weights, x = rows)
            fixed (byte* p = prepared)
            fixed (int* result = four)
            {
                Int8Dot.Prepare(instructions, x, p, 4 * width);
                Int8Dot.Four(instructions, w, p, width, sum, result);
                Assert.Equal((instructions, expected[0]), (instructions, Int8Dot.One(instructions, w, p, width, sum)));
            }

            Assert.Equal((instructions, string.Join(' ', expected)), (instructions, string.Join(' ', four)));
        }
    }
}
