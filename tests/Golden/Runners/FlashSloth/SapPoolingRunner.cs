using System.Text.Json;
using Aperture.Decoding;
using Aperture.Plugins.FlashSloth.Sap;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.FlashSloth;

/// <summary>Attention pooling, also where the pool does not divide the grid, and average pooling.</summary>
public sealed class SapPoolingRunner : IGoldenRunner
{
    public string Area => "flashsloth";

    public string Kind => "sap_pooling";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using SpatialPooling pooling = SpatialPooling.Load(golden.Weights(), new WeightPolicy(CPU, ScalarType.Float32, ScalarType.Float32));
        Assert.Equal(golden.Config.GetProperty("dim").GetInt32(), pooling.Channels);
        foreach (JsonProperty one in golden.Config.GetProperty("cases").EnumerateObject())
        {
            int side = one.Value.GetProperty("grid").GetInt32(), pool = one.Value.GetProperty("pool").GetInt32();
            VisualGrid grid = new(side, side);
            Tensor x = golden.Get($"in.{one.Name}.x");
            golden.Compare($"mid.{one.Name}.scores", pooling.Score(x));
            (Tensor cells, Tensor weights) = pooling.Pool(x, grid, pool);
            golden.Compare($"out.{one.Name}.attention", cells);
            golden.Compare($"out.{one.Name}.average", SpatialPooling.Average(x, grid, pool));
            Assert.Equal(x.shape[..2], weights.shape);
            Assert.Equal(SpatialPooling.Cells(grid, pool).Count * x.size(0), weights.sum().item<float>(), 1e-3);
        }
    }
}
