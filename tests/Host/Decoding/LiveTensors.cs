using TorchSharp;

namespace Aperture.Host.Tests.Decoding;

/// <summary>Checks that a piece of code disposes every tensor it makes.</summary>
internal static class LiveTensors
{
    public static void MustNotGrow(Action action)
    {
        // Tensors that an earlier test forgot must not be collected while this one counts.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = torch.Tensor.TotalCount;
        action();
        Assert.Equal(before, torch.Tensor.TotalCount);
    }
}
