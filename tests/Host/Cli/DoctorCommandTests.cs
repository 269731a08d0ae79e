using Aperture.Measuring;

namespace Aperture.Host.Tests.Cli;

/// <summary><c>aperture doctor</c> over a cache of its own.</summary>
public sealed class DoctorCommandTests : IDisposable
{
    private readonly CommandFolder _folder = new();

    [Fact]
    [Trait("Category", "Process")]
    public async Task Doctor_measures_once_and_tells_what_auto_takes()
    {
        (int code, string output, string error) = await _folder.Run("doctor", "--threads", "1");
        (_, string second, _) = await _folder.Run("doctor", "--threads", "1");

        Assert.Equal((0, ""), (code, error));
        Assert.Contains("--dtype auto computes checkpoints of half precision in ", output, StringComparison.Ordinal);
        Assert.Contains("1 thread(s)", output, StringComparison.Ordinal);
        Assert.Contains("libtorch's convolutions ", output, StringComparison.Ordinal);
        Assert.Equal(output, second); // the same milliseconds: they were remembered
    }

    public void Dispose() => _folder.Dispose();
}
