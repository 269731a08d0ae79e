using Aperture.Kernels;
using static TorchSharp.torch;

namespace Aperture.Generation;

/// <summary>
/// The last rows' logits in memory that the processors can write to: a GPU's are copied once, the CPU's are used where they are. Owns its tensor.
/// </summary>
internal sealed class NextLogits : IDisposable
{
    private readonly Tensor _rows;
    private readonly int _vocabulary;

    /// <param name="logits">float32 <c>[sequences, V]</c>; consumed.</param>
    /// <param name="vocabulary">V.</param>
    public NextLogits(Tensor logits, int vocabulary)
    {
        _vocabulary = vocabulary;
        if (logits.device_type == TorchSharp.DeviceType.CPU)
        {
            _rows = logits;
            return;
        }

        using (logits)
        {
            _rows = logits.cpu();
        }
    }

    /// <summary>One sequence's logits; valid until this is disposed.</summary>
    public unsafe Span<float> Row(int row) => new((float*)TensorMemory.Pointer(_rows) + ((long)row * _vocabulary), _vocabulary);

    public void Dispose() => _rows.Dispose();
}
