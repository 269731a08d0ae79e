using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>A matrix as a checkpoint stores it in eight bits with a scale for each output. Owns its tensors, whose memory may be the mapped file's.</summary>
/// <param name="Codes">int8 <c>[out, in]</c>, row-major.</param>
/// <param name="Scales">float32 <c>[out]</c>.</param>
internal sealed record Int8Codes(Tensor Codes, Tensor Scales) : IDisposable
{
    public void Dispose()
    {
        Codes.Dispose();
        Scales.Dispose();
    }
}

/// <summary>A matrix as a checkpoint stores it in four bits with a scale and a zero for each group. Owns its tensors, whose memory may be the mapped
/// file's.</summary>
/// <param name="Words">int32 <c>[out, in / 8]</c>, row-major: eight codes from 0 to 15 a word, the lowest bits first.</param>
/// <param name="Scales">float32 <c>[out, groups]</c>.</param>
/// <param name="Zeros">uint8 <c>[out, groups]</c>, from 0 to 15.</param>
internal sealed record Int4Codes(Tensor Words, Tensor Scales, Tensor Zeros) : IDisposable
{
    public void Dispose()
    {
        Words.Dispose();
        Scales.Dispose();
        Zeros.Dispose();
    }
}
