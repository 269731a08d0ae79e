using System.Text.Json;
using Aperture.Decoding;
using Aperture.Golden.Tests.BaseModels;
using Aperture.Models;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Peers;

/// <summary>Cosines and sines of positions of three axes at the published sizes.</summary>
public sealed class MropeRotaryRunner : IGoldenRunner
{
    public string Area => "qwen2-vl";

    public string Kind => "mrope_rotary";

    public void Run(GoldenCase golden)
    {
        JsonElement config = golden.Config;
        RotaryConfig rotary = new()
        {
            Dimensions = config.GetProperty("head_dim").GetInt32(),
            Theta = config.GetProperty("rope_theta").GetDouble(),
            Sections = [.. config.GetProperty("mrope_section").EnumerateArray().Select(size => size.GetInt32())],
        };
        Tensor positions = golden.Get("in.position_ids"); // [axes, samples, rows]
        int[][] axes = PaddedBatch.Rows(positions.flatten(1));
        using RotaryTable table = new(rotary, CPU);
        using RotaryRows rows = table.Rows(axes);
        golden.Compare("out.cos", cat([rows.Cos, rows.Cos], -1).view(golden.Get("out.cos").shape));
        golden.Compare("out.sin", cat([rows.Sin, rows.Sin], -1).view(golden.Get("out.sin").shape));
    }
}
