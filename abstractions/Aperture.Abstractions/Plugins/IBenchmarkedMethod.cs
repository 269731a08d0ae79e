using Aperture.Decoding;

namespace Aperture.Plugins;

/// <summary>
/// A method that can be timed on a decoder of random weights. An <see cref="IMethodFactory"/> implements it beside its own contract; the host's
/// <c>bench --shape</c> gives it a row and takes it into the row of all such methods together.
/// </summary>
public interface IBenchmarkedMethod
{
    /// <summary>The settings to time on a decoder: such that how much work is left does not depend on what the weights are, because they are random.</summary>
    /// <param name="decoder">Sizes of the decoder; it has no folder and no checkpoint.</param>
    /// <returns>Null where the method has nothing to do on such a decoder: it then has no row.</returns>
    MethodBenchmark? Benchmark(DecoderInfo decoder);
}
