using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.GammaMod.Tests;

/// <summary>Nothing stays behind.</summary>
public sealed class LiveTensorTests
{
    [Fact]
    public void A_request_leaves_no_tensor()
    {
        using RoutedModel model = new();
        using Tensor weight = RoutedModel.RandomRouter();
        SequenceLayout prompt = RoutedModel.Prompt(4, 12, 5);
        using Tensor rows = RoutedModel.Rows(prompt, 1);
        using GammaModRouter router = RoutedModel.Router(weight, [0, 2, 3], new GammaModOptions { WeightAttention = true });
        model.Run([prompt, prompt], [rows, rows], [router], ids: [1, 2]);
        long before = LiveTensors.Settled();

        model.Run([prompt, prompt], [rows, rows], [router], new Selections(), [1, 2, 3]);

        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void A_disposed_router_leaves_no_tensor()
    {
        using TestFiles files = new();
        string path = files.Routers("gamma-mod/router.safetensors", new Dictionary<int, double> { [1] = 1, [2] = 1, [4] = 2 });
        Assert.True(File.Exists(path));
        files.Create("{}").Dispose();
        long before = LiveTensors.Settled();

        files.Create("{}").Dispose();
        Assert.Throws<ApertureException>(() => files.Create("""{ "Layers": [0] }"""));

        Assert.Equal(before, Tensor.TotalCount);
    }
}
