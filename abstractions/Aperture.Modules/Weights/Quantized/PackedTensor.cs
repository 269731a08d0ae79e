using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>
/// compressed-tensors' <c>pack-quantized</c>: codes of 2, 4 or 8 bits along the rows, lifted by half their range, with scales by group, and zero points packed
/// down the columns.
/// </summary>
/// <param name="shape">Sizes of the weight <c>[out, in]</c>.</param>
/// <param name="name">The weight's name without <c>_packed</c>.</param>
/// <param name="bits">Bits of a code.</param>
/// <param name="hasZeroPoints">Whether there are zero points.</param>
/// <param name="hasOrder">Whether columns name their groups.</param>
internal sealed class PackedTensor(long[] shape, string name, int bits, bool hasZeroPoints, bool hasOrder) : QuantizedTensor(shape)
{
    // What is multiplied as it is stored.
    private const int Bits = 4, Group = 32;

    private string Scale => name + "_scale";

    private string ZeroPoint => name + "_zero_point";

    private string Order => name + "_g_idx";

    public override IReadOnlyList<string> Parts =>
        [name + "_packed", Scale, .. hasZeroPoints ? [ZeroPoint] : Array.Empty<string>(), .. hasOrder ? [Order] : Array.Empty<string>()];

    public override Int4Codes? FourBits(IWeightSource source)
    {
        long rows = Shape[0], columns = Shape[1];
        long[] scales = source.Describe(Scale).Shape;
        bool isByGroup = scales is [var all, > 0 and var groups] && all == rows && columns % groups == 0 && columns / groups % Group == 0;
        if (bits != Bits || hasOrder || !isByGroup)
        {
            return null;
        }

        using DisposeScope scope = NewDisposeScope();
        Tensor words = source.Load(name + "_packed");
        Tensor factors = source.Load(Scale).to(ScalarType.Float32, copy: true).contiguous();
        Tensor zeros = hasZeroPoints
            // [rows / 8, groups] -> [rows, groups]
            ? PackedCodes.Unpack(source.Load(ZeroPoint), bits, axis: 0).narrow(0, 0, rows).to_type(ScalarType.Byte).contiguous()
            : full(scales, 1 << (bits - 1), ScalarType.Byte);
        return words.is_contiguous() && zeros.shape.AsSpan().SequenceEqual(scales)
            ? new Int4Codes(words.MoveToOuterDisposeScope(), factors.MoveToOuterDisposeScope(), zeros.MoveToOuterDisposeScope())
            : null;
    }

    public override Tensor Load(IWeightSource source)
    {
        using DisposeScope scope = NewDisposeScope();
        long rows = Shape[0], columns = Shape[1];
        int half = 1 << (bits - 1);
        Tensor numbers = PackedCodes.Unpack(source.Load(name + "_packed"), bits, axis: 1).narrow(1, 0, columns).sub(half).to_type(ScalarType.Float32);
        Tensor scales = source.Load(Scale).to_type(ScalarType.Float32); // [rows, groups]
        Tensor? groups = hasOrder ? source.Load(Order).to_type(ScalarType.Int64) : null;
        groups = groups is not null && groups.min().item<long>() >= 0 ? groups : null; // -1 where columns are in order
        if (hasZeroPoints)
        {
            Tensor zeros = PackedCodes.Unpack(source.Load(ZeroPoint), bits, axis: 0).narrow(0, 0, rows).sub(half); // [rows, groups]
            numbers.sub_(Spread(zeros, groups, ZeroPoint));
        }

        return numbers.mul_(Spread(scales, groups, Scale)).MoveToOuterDisposeScope();
    }

    private Tensor Spread(Tensor values, Tensor? groups, string part)
        => groups is null ? ScaleGrid.Over(values, Shape[0], Shape[1], null, part) : values.to_type(ScalarType.Float32).index_select(1, groups);
}
