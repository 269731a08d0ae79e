using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte.Tests;

/// <summary>Counts live tensors after those that earlier tests forgot have been collected.</summary>
internal static class LiveTensors
{
    public static long Count()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return Tensor.TotalCount;
    }
}
