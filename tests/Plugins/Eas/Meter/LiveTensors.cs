using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Tests.Meter;

/// <summary>Counts live tensors once what other tests left to the garbage collector is gone.</summary>
internal static class LiveTensors
{
    public static long Count()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        return Tensor.TotalCount;
    }
}
