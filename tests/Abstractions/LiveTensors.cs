using TorchSharp;

namespace Aperture.Abstractions.Tests;

/// <summary>Counts the tensors of the process.</summary>
internal static class LiveTensors
{
    /// <summary>How many are alive, after those that earlier tests forgot have been collected.</summary>
    public static long Settled()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return torch.Tensor.TotalCount;
    }
}
