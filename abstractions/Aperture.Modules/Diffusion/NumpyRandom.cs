namespace Aperture.Diffusion;

/// <summary>
/// numpy's generator as <c>numpy.random.seed</c> and <c>numpy.random.RandomState</c> set it up (Mersenne Twister, the legacy draws). Each object is a stream of
/// its own.
/// </summary>
public sealed class NumpyRandom
{
    private const int Words = 624, Middle = 397;
    private readonly uint[] _state = new uint[Words];
    private int _next = Words;
    private double? _second;

    /// <summary>A generator.</summary>
    /// <param name="seed">The seed.</param>
    public NumpyRandom(uint seed)
    {
        for (uint word = 0; word < Words; word++)
        {
            _state[word] = seed;
            seed = (1812433253 * (seed ^ (seed >> 30))) + word + 1;
        }
    }

    /// <summary>A number from 0 to below 1: <c>rand()</c>.</summary>
    public double NextUniform()
    {
        uint high = NextWord() >> 5, low = NextWord() >> 6;
        return ((high * 67108864.0) + low) / 9007199254740992.0;
    }

    /// <summary>A normal number: <c>randn()</c>.</summary>
    public double NextNormal()
    {
        if (_second is { } kept)
        {
            _second = null;
            return kept;
        }

        double x, y, square;
        do
        {
            x = (2 * NextUniform()) - 1;
            y = (2 * NextUniform()) - 1;
            square = (x * x) + (y * y);
        }
        while (square is >= 1 or 0);

        double factor = Math.Sqrt(-2 * Math.Log(square) / square);
        _second = factor * x;
        return factor * y;
    }

    /// <summary>A whole number from 0 to below a limit: <c>randint(limit)</c>.</summary>
    /// <param name="limit">The limit, above 0.</param>
    public int Next(int limit)
    {
        uint largest = (uint)limit - 1;
        if (largest == 0)
        {
            return 0;
        }

        uint mask = uint.MaxValue >> System.Numerics.BitOperations.LeadingZeroCount(largest), drawn;
        do
        {
            drawn = NextWord() & mask;
        }
        while (drawn > largest);

        return (int)drawn;
    }

    private uint NextWord()
    {
        if (_next == Words)
        {
            Refill();
        }

        uint word = _state[_next++];
        word ^= word >> 11;
        word ^= (word << 7) & 0x9D2C5680;
        word ^= (word << 15) & 0xEFC60000;
        return word ^ (word >> 18);
    }

    private void Refill()
    {
        for (int word = 0; word < Words; word++)
        {
            uint mixed = (_state[word] & 0x80000000) | (_state[(word + 1) % Words] & 0x7FFFFFFF);
            _state[word] = _state[(word + Middle) % Words] ^ (mixed >> 1) ^ ((mixed & 1) * 0x9908B0DF);
        }

        _next = 0;
    }
}
