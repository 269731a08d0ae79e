namespace Aperture.Generation;

/// <summary>
/// Uniform numbers that depend on nothing but the seed and the stream's number (SplitMix64), so that results repeat on every machine and in every batch.
/// </summary>
internal sealed class RandomStream(ulong seed, int stream)
{
    private ulong _state = Mix(seed + (0x9e3779b97f4a7c15UL * ((ulong)(uint)stream + 1)));

    /// <summary>The next number in [0, 1).</summary>
    public double Next()
    {
        _state += 0x9e3779b97f4a7c15UL;
        return (Mix(_state) >> 11) * (1.0 / (1UL << 53));
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9UL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebUL;
        return z ^ (z >> 31);
    }
}
