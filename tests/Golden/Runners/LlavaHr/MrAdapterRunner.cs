using System.Text.Json;
using Aperture.Golden.Tests.Vision;
using Aperture.Plugins.LlavaHr;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.LlavaHr;

/// <summary>An adapter and the last step alone, with a map of equal, smaller and larger grid; and adapters before any training.</summary>
public sealed class MrAdapterRunner : IGoldenRunner
{
    public string Area => "llava-hr";

    public string Kind => "mra_adapter_and_align";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        int slowWidth = golden.Config.GetProperty("slow_dim").GetInt32(), width = golden.Config.GetProperty("fast_dim").GetInt32();
        LlavaHrKeys keys = Assert.IsType<LlavaHrKeys>(LlavaHrKeys.Find(golden.Weights()));
        using MrAdapter adapter = MrAdapter.Load(golden.Weights(), keys.Adapter(0), slowWidth, width, RecordedTrunk.Policy);
        using FinalAlign align = FinalAlign.Load(golden.Weights(), keys.Align, slowWidth, width, RecordedTrunk.Policy);
        using IWeightSource made = FreshAdapters.Make(keys, slowWidth, width, seed: 1);
        using MrAdapter fresh = MrAdapter.Load(made, keys.Adapter(0), slowWidth, width, RecordedTrunk.Policy);
        foreach (JsonProperty variant in golden.Config.GetProperty("cases").EnumerateObject())
        {
            int slowGrid = variant.Value.GetProperty("slow_grid").GetInt32(), grid = variant.Value.GetProperty("fast_grid").GetInt32();
            Tensor y = golden.Get($"in.{variant.Name}.y"), slow = FeatureMaps.ToRows(golden.Get($"in.{variant.Name}.f"));
            using VisionValues values = new();
            PictureTile[] pictures = [.. Enumerable.Range(0, (int)y.size(0)).Select(picture => new PictureTile(picture, 0))];
            golden.Compare($"out.{variant.Name}.mra", adapter.Run(y, slow, slowGrid, grid, null, new EncoderValues(values, pictures)));
            golden.Compare($"out.{variant.Name}.align", align.Run(y, slow, slowGrid, grid, null));
            golden.Compare($"mid.{variant.Name}.alpha", values["alpha"]);
            golden.Compare($"mid.{variant.Name}.gate_raw", values["gate"]);
            golden.Compare($"mid.{variant.Name}.slow_aligned", values["aligned"]);
            golden.Compare($"mid.{variant.Name}.slow_proj", MapAlignment.ToMap(values["slow"], slowGrid));
            golden.Compare($"mid.{variant.Name}.fast_proj", MapAlignment.ToMap(values["fast"], grid));
            Assert.Equal(0, fresh.Run(y, slow, slowGrid, grid, null, null).sub(y).abs().max().item<float>());
        }

        foreach (JsonProperty bound in golden.Config.GetProperty("init_bounds").EnumerateObject())
        {
            double largest = made.Load($"{keys.Adapter(0)}{bound.Name}.weight").abs().max().item<float>(), limit = bound.Value.GetDouble();
            Assert.InRange(largest, limit * 0.95, limit);
        }
    }
}
