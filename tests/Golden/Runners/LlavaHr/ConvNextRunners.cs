using System.Text.Json;
using Aperture.Decoding;
using Aperture.Golden.Tests.Vision;
using Aperture.Models;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.LlavaHr;

/// <summary>A ConvNeXt of a case.</summary>
internal sealed class RecordedConvNext : IDisposable
{
    private readonly Ops _ops = new(CPU, ScalarType.Float32, threads: 1);

    public RecordedConvNext(JsonElement sizes, IWeightSource source, string prefix, string epsilon)
    {
        double eps = sizes.TryGetProperty(epsilon, out JsonElement value) ? value.GetDouble() : 1e-6;
        ConvNextConfig config = new() { Depths = List(sizes, "depths"), Widths = List(sizes, "dims"), NormEpsilon = eps };
        Trunk = new ConvNext(config, ConvNextWeights.Load(source, prefix, config, RecordedTrunk.Policy), _ops);
    }

    public ConvNext Trunk { get; }

    /// <summary>Compares the stem's map with <c>mid.{part}stem</c> and those of stages with <c>mid.{part}{stage}i</c>; gives the last.</summary>
    public Tensor Compare(GoldenCase golden, string pixels, string part, string stage)
    {
        IReadOnlyList<Tensor> maps = Trunk.Run(golden.Get(pixels), null, CancellationToken.None);
        for (int map = 0; map < maps.Count; map++)
        {
            string name = $"mid.{part}{(map == 0 ? "stem" : stage + (map - 1))}";
            if (golden.Has(name))
            {
                golden.Compare(name, maps[map]);
            }
        }

        return maps[^1];
    }

    public void Dispose()
    {
        Trunk.Dispose();
        _ops.Dispose();
    }

    private static int[] List(JsonElement json, string key) => [.. json.GetProperty(key).EnumerateArray().Select(value => value.GetInt32())];
}

/// <summary>ConvNeXt under timm's names, and the renaming of timm, open_clip and Facebook files.</summary>
public sealed class ConvNextTimmRunner : IGoldenRunner
{
    public string Area => "llava-hr";

    public string Kind => "convnext_timm";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (JsonProperty map in golden.Config.GetProperty("key_maps").EnumerateObject())
        {
            CompareNames(map);
        }

        using IWeightSource view = ConvNextNames.View(golden.Weights());
        using RecordedConvNext recorded = new(golden.Config, view, "", "norm_eps");
        foreach (string part in new[] { "a.", "b." })
        {
            golden.Compare($"out.{part}stage3", recorded.Compare(golden, $"in.{part}pixels", part, "stage"));
        }

        golden.NotCompared("out.*.head_logits", "the classifier behind the trunk is part of no model here");
        golden.NotCompared("out.*.pre_logits", "the classifier behind the trunk is part of no model here");
    }

    private static void CompareNames(JsonProperty map)
    {
        foreach (JsonProperty entry in map.Value.EnumerateObject())
        {
            string target = entry.Value.GetString()!;
            string? expected = target.StartsWith("head.", StringComparison.Ordinal) ? null : target;
            Assert.Equal(expected, ConvNextNames.Rename(entry.Name, map.Name.StartsWith("open_clip", StringComparison.Ordinal), map.Name == "facebook"));
        }
    }
}

/// <summary>ConvNeXt under LLaVA-HR's names with the epsilon of the XXL model, on a stem so small that the other one is clearly wrong.</summary>
public sealed class ConvNextEpsilonRunner : IGoldenRunner
{
    public string Area => "llava-hr";

    public string Kind => "convnext_eps1e-5";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using RecordedConvNext recorded = new(golden.Config, golden.Weights(), "", "norm_eps");
        golden.Compare("out.stage3", recorded.Compare(golden, "in.pixels", "", "stage"));
    }
}

/// <summary>ConvNeXt alone as a LLaVA's tower: the last map row by row.</summary>
public sealed class ConvNextSingleTowerRunner : IGoldenRunner
{
    public string Area => "llava-hr";

    public string Kind => "convnext_single_tower";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using RecordedConvNext recorded = new(golden.Config, golden.Weights(), "model.vision_tower.vision_tower.", "norm_eps");
        IReadOnlyList<Tensor> maps = recorded.Trunk.Run(golden.Get("in.pixels"), null, CancellationToken.None);
        foreach (int stage in new[] { 0, 2 })
        {
            golden.Compare($"mid.tokens_stage{stage}", FeatureMaps.ToRows(maps[stage + 1]));
        }

        golden.Compare("out.features", FeatureMaps.ToRows(maps[^1]));
    }
}
