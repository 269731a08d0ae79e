using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Aperture.Kernels;

/// <summary>Raw access to the memory of CPU tensors, for the managed kernels.</summary>
internal static unsafe partial class TensorMemory
{
    /// <summary>The address of a tensor's first element. The tensor must be contiguous, on the CPU, and outlive the use.</summary>
    public static void* Pointer(Tensor tensor) => (void*)THSTensor_data(tensor.Handle);

    [LibraryImport("LibTorchSharp")]
    [SuppressGCTransition]
    private static partial nint THSTensor_data(nint handle);
}
