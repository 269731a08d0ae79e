using Aperture.Measuring;

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

    [Theory]
    [InlineData("VmHWM:\t14350956 kB", 14350956L * 1024)]
    [InlineData("VmHWM:\t    1234 kB", 1234L * 1024)]
    public void The_system_s_line_is_read_at_any_width(string line, long bytes) => Assert.Equal(bytes, PeakMemory.Parse(line));
}
