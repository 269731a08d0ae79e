using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>
/// GPTQ: codes packed down the columns of a transposed weight, zero points packed along the rows, scales by group of inputs, and the group of every input. The
/// first version of the format stores zero points less one.
/// </summary>
/// <param name="shape">Sizes of the weight <c>[out, in]</c>.</param>
/// <param name="name">What stands before <c>qweight</c>.</param>
/// <param name="bits">Bits of a code.</param>
/// <param name="lessOne">Whether zero points are stored less one.</param>
/// <param name="groupSize">Inputs of a group where no input names its own.</param>
internal sealed class GptqTensor(long[] shape, string name, int bits, bool lessOne, long? groupSize) : QuantizedTensor(shape)
{
    public override IReadOnlyList<string> Parts =>
        [name + "qweight", name + "qzeros", name + "scales", .. groupSize is null ? [name + "g_idx"] : Array.Empty<string>()];

    public override Tensor Load(IWeightSource source)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor codes = PackedCodes.Unpack(source.Load(name + "qweight"), bits, axis: 0); // [in / codes, out] -> [in, out]
        Tensor zeros = PackedCodes.Unpack(source.Load(name + "qzeros"), bits, axis: 1); // [groups, out / codes] -> [groups, out]
        if (lessOne)
        {
            zeros = zeros.add(1).bitwise_and(tensor((1 << bits) - 1, ScalarType.Int32));
        }

        Tensor groups = groupSize is { } size
            ? arange(Shape[1], ScalarType.Int64).div(size, RoundingMode.floor).to_type(ScalarType.Int64)
            : source.Load(name + "g_idx").to_type(ScalarType.Int64); // [in]
        Tensor scales = source.Load(name + "scales").to_type(ScalarType.Float32).index_select(0, groups); // [groups, out] -> [in, out]
        Tensor weight = codes.sub(zeros.index_select(0, groups)).to_type(ScalarType.Float32).mul_(scales);
        return weight.t().contiguous().MoveToOuterDisposeScope(); // [in, out] -> [out, in]
    }
}
