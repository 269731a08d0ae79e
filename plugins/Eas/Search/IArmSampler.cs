namespace Aperture.Plugins.Eas.Search;

/// <summary>Draws arms of the bandit.</summary>
internal interface IArmSampler
{
    /// <summary>Draws distinct arms, one after the other, each in proportion to the weights of those that are left.</summary>
    /// <param name="weights">A weight above 0 for each arm.</param>
    /// <param name="count">How many.</param>
    /// <returns>The arms, in the order drawn.</returns>
    int[] Draw(IReadOnlyList<double> weights, int count);
}

/// <summary>
/// Draws by exponential races: the arm whose exponential waiting time of rate weight is over first wins. Numbers come from SplitMix64, so that a seed gives the
/// same arms everywhere.
/// </summary>
/// <param name="seed">Seed.</param>
internal sealed class SeededArmSampler(ulong seed) : IArmSampler
{
    private ulong _state = seed;

    public int[] Draw(IReadOnlyList<double> weights, int count)
    {
        (double Time, int Arm)[] races = [.. weights.Select((weight, arm) => (-Math.Log(1 - NextDouble()) / weight, arm))];
        Array.Sort(races);
        return [.. races.Take(count).Select(race => race.Arm)];
    }

    private double NextDouble()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1UL << 53));
    }
}
