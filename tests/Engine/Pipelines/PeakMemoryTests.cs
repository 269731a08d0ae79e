using Aperture.Measuring;
using Aperture.Natives;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Pipelines;

[Collection(WholeProcess.Name)]
public sealed class PeakMemoryTests
{
    [Fact]
    public void A_touched_buffer_shows_in_the_peak()
    {
        const int Bytes = 200 << 20;
        PeakMemory.Reset();
        long before = PeakMemory.Read();

        byte[] buffer = GC.AllocateUninitializedArray<byte>(Bytes);
        Array.Fill(buffer, (byte)1);

        Assert.InRange(PeakMemory.Read() - before, Bytes / 2, Bytes * 2L);
        GC.KeepAlive(buffer);
    }

    [Fact]
    public void What_tensors_have_left_is_given_back_when_asked_for()
    {
        const int Count = 40, Floats = 2 << 20;
        static long Now()
        {
            PeakMemory.Reset();
            return PeakMemory.Read();
        }

        TensorPages.Prepare();
        Tensor[] tensors = [.. Enumerable.Range(0, Count).Select(_ => ones(Floats))];
        using Tensor behind = ones(Floats); // holds the end of the heap, so that nothing goes by itself
        foreach (Tensor tensor in tensors)
        {
            tensor.Dispose();
        }

        long kept = Now();
        TensorPages.GiveBack();

        Assert.InRange(kept - Now(), Count * Floats * sizeof(float) / 2, long.MaxValue);
    }

    [Theory]
    [InlineData("VmHWM:\t14350956 kB", 14350956L * 1024)]
    [InlineData("VmHWM:\t    1234 kB", 1234L * 1024)]
    public void The_system_s_line_is_read_at_any_width(string line, long bytes) => Assert.Equal(bytes, PeakMemory.Parse(line));
}
