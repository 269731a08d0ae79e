using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>
/// AWQ for its GEMM kernel: four-bit codes and zero points packed along the outputs of a transposed weight, eight to a word, even ones before odd ones; scales
/// by group of inputs.
/// </summary>
/// <param name="shape">Sizes of the weight <c>[out, in]</c>.</param>
/// <param name="name">What stands before <c>qweight</c>.</param>
internal sealed class AwqTensor(long[] shape, string name) : QuantizedTensor(shape)
{
    public const int Bits = 4;

    // Which of a word's codes, counted from the lowest bits, each of its eight outputs is.
    private static readonly long[] _places = [0, 4, 1, 5, 2, 6, 3, 7];

    public override IReadOnlyList<string> Parts => [name + "qweight", name + "qzeros", name + "scales"];

    public override Tensor Load(IWeightSource source)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor codes = Ordered(source.Load(name + "qweight")); // [in, out / 8] -> [in, out]
        Tensor zeros = Ordered(source.Load(name + "qzeros")); // [groups, out / 8] -> [groups, out]
        Tensor scales = source.Load(name + "scales").to_type(ScalarType.Float32); // [groups, out]
        long group = Shape[1] / scales.size(0);
        Tensor weight = codes.sub(zeros.repeat_interleave(group, 0)).to_type(ScalarType.Float32).mul_(scales.repeat_interleave(group, 0));
        return weight.t().contiguous().MoveToOuterDisposeScope(); // [in, out] -> [out, in]
    }

    private static Tensor Ordered(Tensor words)
    {
        Tensor each = PackedCodes.Unpack(words, Bits, axis: 1).view(words.size(0), -1, _places.Length); // [rows, words, 8]
        return each.index_select(2, tensor(_places)).reshape(words.size(0), -1);
    }
}
