using Aperture.Weights;
using TorchSharp;

namespace Aperture.Plugins.GammaMod.Tests;

/// <summary>The settings and the random router that the method is timed with.</summary>
public sealed class BenchmarkTests
{
    [Fact]
    public void One_random_router_serves_the_layers_of_the_published_mode_and_is_given_back()
    {
        MethodBenchmark benchmark = TestFiles.Factory().Benchmark(TestFiles.Decoder)!;
        long before = LiveTensors.Settled();
        using (IWeightSource weights = benchmark.DrawWeights!())
        using (RouterWeights routers = RouterWeights.Load(weights, RouterWeights.Find(weights), null, TestFiles.Decoder))
        using (GammaModRouter router = (GammaModRouter)TestFiles.Factory().Create(benchmark.Options, TestFiles.Decoder, new FactoryFiles(checkpoint: weights)))
        {
            Assert.True(routers.AreShared);
            Assert.Equal([3, 4], router.Layers);
        }

        Assert.Equal(before, torch.Tensor.TotalCount);
    }

    [Fact]
    public void A_decoder_whose_layers_are_all_needed_is_not_timed() => Assert.Null(TestFiles.Factory().Benchmark(TestFiles.Decoder with { Layers = 4 }));
}
