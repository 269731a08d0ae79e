using Aperture.Decoding;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.FlashSloth;

/// <summary>The activations of Phi, SigLIP and the projector on a grid.</summary>
public sealed class ActivationsRunner : IGoldenRunner
{
    public string Area => "flashsloth";

    public string Kind => "activations";

    public void Run(GoldenCase golden)
    {
        foreach (string name in golden.Names.Where(name => name.StartsWith("out.", StringComparison.Ordinal)).ToList())
        {
            using DisposeScope scope = NewDisposeScope();
            string activation = name["out.".Length..];
            golden.Compare(name, Activations.Run(activation == "gelu_erf" ? "gelu" : activation, golden.Get("in.x")));
        }
    }
}
