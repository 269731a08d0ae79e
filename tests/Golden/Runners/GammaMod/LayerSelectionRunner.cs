using Aperture.Measuring;
using Aperture.Plugins.GammaMod;

namespace Aperture.Golden.Tests.GammaMod;

/// <summary>The layers of each mode for several depths.</summary>
public sealed class LayerSelectionRunner : IGoldenRunner
{
    public string Area => "gamma-mod";

    public string Kind => "mod_layer_selection";

    public void Run(GoldenCase golden)
    {
        foreach (string name in golden.Names)
        {
            string[] parts = name.Split('.'); // out.<mode>.<layers>
            golden.CompareExact(name, RoutedDecoder.Whole(LayerModes.Of(parts[1], int.Parse(parts[2]))));
        }
    }
}
