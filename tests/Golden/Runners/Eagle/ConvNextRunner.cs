using Aperture.Golden.Tests.LlavaHr;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Eagle;

/// <summary>ConvNeXt as Eagle's tower.</summary>
public sealed class EagleConvNextRunner : IGoldenRunner
{
    public string Area => "eagle";

    public string Kind => "tower_convnext";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using RecordedConvNext recorded = new(EagleTower.Sizes(golden), golden.Weights(), EagleTower.Prefix(golden), "layer_norm_eps");
        Tensor last = recorded.Compare(golden, "in.pixel_values", "", "stages.");
        golden.Compare("out.features", FeatureMaps.ToRows(last));
    }
}
