namespace Aperture.Plugins.GammaMod.Tests;

public sealed class ReferenceFlopsTests
{
    [Theory] // TFLOPs as the paper prints them: tables 3, 4, 6
    [InlineData(800, 0.0, 32, 4096, 11008, 10.7)]
    [InlineData(800, 0.31, 32, 4096, 11008, 7.7)]
    [InlineData(800, 0.564, 32, 4096, 11008, 5.3)]
    [InlineData(1400, 0.0, 32, 4096, 11008, 19.2)]
    [InlineData(1400, 0.379, 32, 4096, 11008, 12.6)]
    [InlineData(1400, 0.577, 32, 4096, 11008, 9.3)]
    [InlineData(4000, 0.0, 32, 4096, 11008, 60.2)]
    [InlineData(4000, 0.362, 32, 4096, 11008, 39.4)]
    [InlineData(4000, 0.581, 32, 4096, 11008, 27.8)]
    [InlineData(1400, 0.0, 40, 5120, 13824, 37.1)]
    [InlineData(1400, 0.349, 40, 5120, 13824, 25.1)]
    public void Formula_gives_the_papers_figures(int tokens, double skip, int layers, int hidden, int intermediate, double printed)
        => Assert.Equal(printed, ReferenceFlops.Prefill(tokens, skip, layers, 4, hidden, intermediate) / 1e12, 0.051);
}
