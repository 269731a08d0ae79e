using Aperture.Golden.Tests.FitPrune;
using Aperture.Plugins.DyVte.Gates;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DyVte;

/// <summary>One gate on its own.</summary>
public sealed class RouterRunner : IGoldenRunner
{
    public string Area => "dyvte";

    public string Kind => "router";

    public void Run(GoldenCase golden)
    {
        using IDisposable grad = no_grad();
        int layer = golden.Config.Int("gate");
        Tensor features = golden.Get("in.features");
        using GateSet gates = GateCase.Gates(golden, golden.Config.Int("hidden_size"));
        using Tensor logits = gates.Logits(layer, features);
        golden.Compare("out.logits", logits);
        using Tensor w1 = golden.Weights().Load(GateKeys.First(GateKeys.Published, layer));
        using Tensor hidden = Gate.Hidden(features, w1);
        using Tensor first = hidden.narrow(1, 0, golden.Get("mid.hidden_first16").size(1));
        golden.Compare("mid.hidden_first16", first);
    }
}
