using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>Tensors over memory that somebody else owns, which TorchSharp's public surface does not offer.</summary>
internal static unsafe partial class NativeTensor
{
    static NativeTensor()
    {
        // Makes TorchSharp load its natives, and with them the library that the imports below name.
        torch.empty(0).Dispose();
    }

    /// <summary>
    /// A contiguous CPU tensor over <paramref name="data"/>, which lies in <paramref name="memory"/> and is aligned for the element type. The memory is kept as
    /// long as the tensor.
    /// </summary>
    public static Tensor View(ViewedMemory memory, byte* data, ReadOnlySpan<long> shape, ScalarType type)
    {
        memory.AddView();
        nint handle;
        fixed (long* sizes = shape)
        {
            long none = 0;
            handle = THSTensor_new(
                (nint)data, ViewedMemory.Deleter, sizes is null ? &none : sizes, shape.Length, (sbyte)type, (sbyte)type, (int)DeviceType.CPU, 0, 0);
        }

        if (handle == 0)
        {
            ViewedMemory.RemoveView(data);
            torch.CheckForErrors();
            throw new InvalidOperationException("libtorch gave no tensor over mapped memory.");
        }

        return Tensor.UnsafeCreateTensor(handle);
    }

    /// <summary>The first element of a CPU tensor.</summary>
    public static byte* Data(Tensor tensor) => (byte*)THSTensor_data(tensor.Handle);

    [LibraryImport("LibTorchSharp")]
    private static partial nint THSTensor_new(
        nint data, nint deleter, long* sizes, int rank, sbyte type, sbyte resultType, int deviceType, int deviceIndex, byte requiresGrad);

    [LibraryImport("LibTorchSharp")]
    private static partial nint THSTensor_data(nint handle);
}
