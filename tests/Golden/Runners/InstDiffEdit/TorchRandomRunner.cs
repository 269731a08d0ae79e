using Aperture.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.InstDiffEdit;

/// <summary>Random numbers of seeds. A tensor's name says which function drew it; what that leaves open is fixed for the kind and written here.</summary>
public sealed class TorchRandomRunner : IGoldenRunner
{
    private const long SeedBound = 1L << 62;

    public string Area => DiffusionCase.AreaName;

    public string Kind => "torch_rng";

    public void Run(GoldenCase golden)
    {
        string[] names = [.. golden.Names.Where(name => name.StartsWith("out.", StringComparison.Ordinal))];
        foreach (string seed in DiffusionCase.Texts(golden.Config.GetProperty("seeds")))
        {
            foreach (string name in names.Where(name => name.Split('.') is [_, not "normal" and not "generator_randn_next", string own, ..] && own == seed))
            {
                Check(golden, name, long.Parse(seed));
            }
        }
    }

    private static void Check(GoldenCase golden, string name, long seed)
    {
        using TorchRandom random = new(seed);
        long[] shape = golden.Get(name).shape;
        switch (name.Split('.')[1])
        {
            case "randint10":
                golden.CompareExact(name, tensor(random.Integers(10, (int)shape[0])));
                break;
            case "randint62":
                golden.CompareExact(name, tensor(random.Integers(SeedBound, (int)shape[0])));
                break;
            case "randperm":
                golden.CompareExact(name, tensor(random.Permutation((int)shape[0])));
                break;
            case "rand":
                golden.CompareExact(name, random.Uniform(shape));
                break;
            case "bernoulli":
                golden.CompareExact(name, random.Bernoulli(0.3, shape));
                break;
            case "dropout":
                // Kept values are divided by the share that is kept.
                golden.Compare(name, random.Kept(0.75, shape).div(0.75));
                break;
            case "randn":
                Compare(golden, name, random.Normal(shape));
                break;
            case "generator_randn":
                Compare(golden, name, random.Normal(shape));
                Compare(golden, name.Replace("generator_randn", "generator_randn_next", StringComparison.Ordinal), random.Normal(shape));
                break;
            case "sequence":
                Tensor[] drawn =
                    [random.Normal(3), random.Uniform(2), random.Normal(1, 4, 2, 2), random.Normal(2), random.Uniform(3), random.Normal(1)];
                Compare(golden, name, cat([.. drawn.Select(part => part.reshape(-1))], 0));
                break;
            case "uniform":
                golden.Compare(name, random.Uniform(shape).mul(2.5).sub(0.5));
                string normal = name.Replace("uniform", "normal", StringComparison.Ordinal);
                Compare(golden, normal, random.Normal(golden.Get(normal).shape).mul(0.5).add(1));
                break;
            default:
                Assert.Fail($"{name} is drawn by no known function.");
                break;
        }
    }

    // The tolerance is absolute: processors' vector paths differ in the last bits.
    private static void Compare(GoldenCase golden, string name, Tensor actual)
        => golden.Compare(name, actual, golden.Tolerance / Math.Max(golden.Get(name).abs().max().item<float>(), 1e-30));
}
