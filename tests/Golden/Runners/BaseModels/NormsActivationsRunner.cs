using System.Globalization;
using Aperture.Decoding;
using Aperture.Models;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>Norms on rows of tiny variance, where the epsilon decides, and activations; the managed kernels and the differentiable operations both.</summary>
public sealed class NormsActivationsRunner : IGoldenRunner
{
    public string Area => "base-models";

    public string Kind => "norms_activations";

    public void Run(GoldenCase golden)
    {
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        foreach (Ops variant in new[] { ops, ops.ForTraining() })
        {
            foreach (string name in golden.Names.Where(name => name.StartsWith("out.", StringComparison.Ordinal)).ToList())
            {
                using TorchSharp.DisposeScope scope = NewDisposeScope();
                string[] parts = name.Split('.', 3);
                Tensor actual = parts[1] switch
                {
                    "rms_norm" => RmsNorm(golden, variant, Epsilon(parts[2])),
                    "layer_norm" => new LayerNormWeights(golden.Get("in.weight"), golden.Get("in.bias")).Run(golden.Get("in.x"), Epsilon(parts[2])),
                    "act" when parts[2] == "silu" => Silu(golden, variant),
                    "act" => Activations.Run(parts[2], golden.Get("in.z").clone(), inPlace: variant == ops),
                    _ => throw new Xunit.Sdk.XunitException($"{name} is not a norm or an activation."),
                };

                // The tolerance is absolute here.
                double largest = Math.Max(1e-30, golden.Get(name).abs().max().item<float>());
                golden.Compare(name, actual, golden.Tolerance * Math.Max(1, 1 / largest));
            }
        }
    }

    private static double Epsilon(string part) => double.Parse(part["eps".Length..], CultureInfo.InvariantCulture);

    private static Tensor RmsNorm(GoldenCase golden, Ops ops, double epsilon)
    {
        Tensor x = golden.Get("in.x");
        int width = (int)x.shape[^1];
        return ops.RmsNorm(x, golden.Get("in.weight"), epsilon, (int)(x.numel() / width), width);
    }

    private static Tensor Silu(GoldenCase golden, Ops ops)
    {
        Tensor z = golden.Get("in.z");
        return ops.SiluTimes(z.clone(), ones_like(z), z.numel());
    }
}
