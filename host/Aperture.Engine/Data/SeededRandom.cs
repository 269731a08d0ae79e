namespace Aperture.Data;

/// <summary>
/// Random numbers that depend on nothing but a seed and a stream number (SplitMix64), so that a data set or a training step can be made again on any machine
/// and runtime. Streams of one seed are independent of each other.
/// </summary>
public sealed class SeededRandom
{
    private const ulong Step = 0x9E3779B97F4A7C15;
    private ulong _state;

    /// <summary>A stream.</summary>
    /// <param name="seed">Seed of the whole.</param>
    /// <param name="stream">Number of the stream, such as a training step or the index of a picture.</param>
    public SeededRandom(long seed, long stream = 0)
    {
        _state = Mix((ulong)seed + Step) ^ Mix(((ulong)stream * 2) + 1);
    }

    /// <summary>64 random bits.</summary>
    public ulong NextBits()
    {
        _state += Step;
        return Mix(_state);
    }

    /// <summary>A number in [0, 1).</summary>
    public double NextDouble() => (NextBits() >> 11) * (1.0 / (1UL << 53));

    /// <summary>A number in [low, high).</summary>
    public double Uniform(double low, double high) => low + ((high - low) * NextDouble());

    /// <summary>A standard normal number.</summary>
    public double Normal() => Math.Sqrt(-2 * Math.Log(1 - NextDouble())) * Math.Cos(2 * Math.PI * NextDouble());

    /// <summary>A whole number in [0, limit).</summary>
    /// <param name="limit">Above 0.</param>
    public int Below(int limit) => (int)(((UInt128)NextBits() * (ulong)limit) >> 64);

    /// <summary>True with a probability.</summary>
    /// <param name="probability">0 to 1.</param>
    public bool Chance(double probability) => NextDouble() < probability;

    /// <summary>One of the items.</summary>
    /// <param name="items">Not empty.</param>
    public T Pick<T>(IReadOnlyList<T> items) => items[Below(items.Count)];

    /// <summary>Some of 0 … limit - 1 without repeats, in random order.</summary>
    /// <param name="limit">How many there are.</param>
    /// <param name="count">How many are drawn.</param>
    public int[] Draw(int limit, int count)
    {
        int[] all = [.. Enumerable.Range(0, limit)];
        for (int i = 0; i < count; i++)
        {
            int j = i + Below(limit - i);
            (all[i], all[j]) = (all[j], all[i]);
        }

        return all[..count];
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
