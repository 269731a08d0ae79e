using System.Text.Json;
using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.LlavaHr;

/// <summary>Position tables resampled with antialiasing, up and down, and bilinear resizing with aligned corners.</summary>
public sealed class PositionResampleRunner : IGoldenRunner
{
    public string Area => "llava-hr";

    public string Kind => "pos_resample_and_bilinear";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (JsonProperty table in golden.Config.GetProperty("tables").EnumerateObject())
        {
            int side = table.Value.GetProperty("new").GetInt32();
            Tensor stored = golden.Get($"in.{table.Name}.table").squeeze(0); // [1, 1 + places, C] -> [1 + places, C]
            Tensor resampled = PositionTable.Resample(stored, 1, new VisualGrid(side, side), PositionResampling.BicubicAntialiased);
            golden.Compare($"out.{table.Name}.table", resampled.unsqueeze(0));
        }

        foreach (string name in golden.Names.Where(name => name.StartsWith("out.bilinear_", StringComparison.Ordinal)).ToList())
        {
            Tensor map = golden.Get("in." + name["out.".Length..]);
            golden.Compare(name, FeatureMaps.ResizeBilinear(map, (int)Shape(golden, name, 2), (int)Shape(golden, name, 3)));
        }
    }

    private static long Shape(GoldenCase golden, string name, int dimension) => golden.Get(name).size(dimension);
}
