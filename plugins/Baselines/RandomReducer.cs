using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Vision;

namespace Aperture.Plugins.Baselines;

/// <summary>
/// Keeps a random subset of an image's tokens in their order. The subset depends on the seed and on the number of tokens only, so that a batch gives what its
/// samples give alone and a run can be repeated; average over seeds to judge.
/// </summary>
internal sealed class RandomReducer(RandomOptions options) : ITokenReducer
{
    public string Name => RandomFactory.MethodName;

    public bool KeepsPrefixes => true; // a picture's tokens follow from the picture

    public void Declare(IReducerSites sites) => sites.BeforeDecoder((_, tokens) => Reduce(tokens));

    public void Dispose()
    {
    }

    internal VisualTokens Reduce(VisualTokens tokens)
    {
        int count = tokens.Count;
        int keep = TokenBudget.Of(count, options.Reduction, options.Keep, options.Tokens);
        return keep == count ? tokens : tokens.Keep(Subset(count, keep, options.Seed));
    }

    /// <summary>A uniformly random subset, ascending.</summary>
    internal static int[] Subset(int count, int keep, int seed)
    {
        Random random = new(unchecked((seed * 486187739) + count));
        int[] order = [.. Enumerable.Range(0, count)];
        for (int i = 0; i < keep; i++)
        {
            int other = random.Next(i, count);
            (order[i], order[other]) = (order[other], order[i]);
        }

        int[] kept = order[..keep];
        Array.Sort(kept);
        return kept;
    }
}
