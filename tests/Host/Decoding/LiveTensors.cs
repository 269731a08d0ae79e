using TorchSharp;

namespace Aperture.Host.Tests.Decoding;

/// <summary>Checks that a piece of code disposes every tensor it makes.</summary>
internal static class LiveTensors
{
    public static void MustNotGrow(Action action)
    {
        // A leak shows every time; what another test left running shows once.
        for (int attempt = 0; ; attempt++)
        {
            // Tensors that an earlier test forgot must not be collected while this one counts.
            GC.Collect();
            GC.WaitForPendingFinalizers();
            long before = torch.Tensor.TotalCount;
            action();
            if (torch.Tensor.TotalCount == before)
            {
                return;
            }

            Assert.True(attempt < 2, $"{torch.Tensor.TotalCount - before} tensors more than the {before} before are alive.");
        }
    }
}
