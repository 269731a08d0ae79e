namespace Aperture.Kernels;

/// <summary>A matrix of eight-bit codes.</summary>
/// <param name="codes"><c>[outputs, inputs]</c>.</param>
/// <param name="sums">The sum of an output's codes.</param>
/// <param name="inputs">Columns.</param>
/// <param name="instructions">What to compute with.</param>
internal readonly unsafe struct Int8Kernel(sbyte* codes, int* sums, int inputs, Int8Instructions instructions) : ICodeKernel
{
    private readonly sbyte* _codes = codes;
    private readonly int* _sums = sums;

    public int PreparedBytes => inputs * Int8Dot.Size(instructions);

    public void Prepare(sbyte* codes, byte* target) => Int8Dot.Prepare(instructions, codes, target, inputs);

    public int One(int output, byte* row) => Int8Dot.One(instructions, Row(output), row, inputs, _sums[output]);

    public void Four(int output, byte* rows, int* sums) => Int8Dot.Four(instructions, Row(output), rows, inputs, _sums[output], sums);

    public int Code(int output, int column) => Row(output)[column];

    private sbyte* Row(int output) => _codes + ((long)output * inputs);
}
