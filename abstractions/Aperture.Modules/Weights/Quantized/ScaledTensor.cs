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
