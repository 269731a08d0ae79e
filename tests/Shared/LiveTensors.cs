using TorchSharp;

namespace Aperture.Tests;

/// <summary>Counts the tensors of the process. Tests that use it run alone in theirs.</summary>
internal static class LiveTensors
{
    /// <summary>How many are alive, after those that earlier tests forgot have been collected.</summary>
    public static long Settled()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return torch.Tensor.TotalCount;
    }

    /// <summary>Checks that a piece of code disposes every tensor it makes.</summary>
    public static void MustNotGrow(Action action)
    {
        long before = Settled();
        action();
        Assert.Equal(before, torch.Tensor.TotalCount);
    }
}
