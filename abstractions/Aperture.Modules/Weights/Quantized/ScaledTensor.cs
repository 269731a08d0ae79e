using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>
/// One code an element, eight bits wide, floating or integer, with scales for the whole tensor, its rows, or blocks: <c>(code - zero point) scale</c>. FP8
/// checkpoints and compressed-tensors' <c>int-quantized</c> and <c>float-quantized</c> are of this form.
/// </summary>
/// <param name="shape">Sizes of the weight <c>[out, in]</c>.</param>
/// <param name="codes">Name of the codes.</param>
/// <param name="scale">Name of the scales, which multiply, whatever they are called.</param>
/// <param name="zeroPoint">Name of the zero points; null for none.</param>
/// <param name="block">Rows and columns of a block as the configuration says; null where it does not.</param>
internal sealed class ScaledTensor(long[] shape, string codes, string scale, string? zeroPoint, (long Rows, long Columns)? block) : QuantizedTensor(shape)
{
    public override IReadOnlyList<string> Parts => zeroPoint is null ? [codes, scale] : [codes, scale, zeroPoint];

    public override Int8Codes? EightBits(IWeightSource source)
    {
        long[] scales = source.Describe(scale).Shape;
        bool isByRow = scales is [var all] && all == Shape[0] || scales is [var rows, 1] && rows == Shape[0];
        if (zeroPoint is not null || !isByRow || source.Describe(codes).ScalarType != ScalarType.Int8)
        {
            return null;
        }

        Tensor stored = source.Load(codes);
        if (!stored.is_contiguous())
        {
            stored.Dispose();
            return null;
        }

        using Tensor factors = source.Load(scale);
        using Tensor wide = factors.to(ScalarType.Float32, copy: true);
        return new Int8Codes(stored, wide.reshape(-1)); // [out, 1] -> [out]
    }

    public override Tensor Load(IWeightSource source)
    {
        using DisposeScope scope = NewDisposeScope();
        long rows = Shape[0], columns = Shape[1];
        Tensor stored = source.Load(codes);
        Tensor numbers = stored.to(ScalarType.Float32, copy: true);
        source.ReleasePages(codes);
        if (zeroPoint is not null)
        {
            numbers.sub_(ScaleGrid.Over(source.Load(zeroPoint), rows, columns, block, zeroPoint));
        }

        return numbers.mul_(ScaleGrid.Over(source.Load(scale), rows, columns, block, scale)).MoveToOuterDisposeScope();
    }
}
