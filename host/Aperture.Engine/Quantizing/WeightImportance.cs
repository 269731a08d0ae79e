using Aperture.Decoding;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Quantizing;

/// <summary>How much errors at each input of a matrix count, from what it was multiplied with.</summary>
internal static class WeightImportance
{
    // So that an input that no row used still counts a little: a hundredth of the mean, as GPTQ dampens its second moments (arXiv 2210.17323, section 3.3).
    private const double Damping = 0.01;

    /// <summary>The importance of each input: its second moment and a hundredth of their mean.</summary>
    /// <param name="weight">The matrix and what it was multiplied with.</param>
    /// <returns>float32 <c>[in]</c>; null for a matrix that no row reached. The caller disposes it.</returns>
    /// <exception cref="ApertureException">A moment is infinite or no number.</exception>
    public static Tensor? Of(WatchedWeight weight)
    {
        double[] moments = weight.SecondMoments;
        double mean = moments.Length == 0 ? 0 : moments.Average();
        return !double.IsFinite(mean)
            ? throw new ApertureException($"The questions give {weight.Name} inputs that are infinite or no numbers; give others (--on), or --dtype float32.")
            : mean > 0 ? tensor(moments.Select(moment => (float)((moment / mean) + Damping)).ToArray()) : null;
    }

    /// <summary>The root of the mean weighted square of what is off, relative to that of the weights.</summary>
    /// <param name="weight">The matrix <c>[out, in]</c>; borrowed.</param>
    /// <param name="encoded">What stands for it; borrowed.</param>
    /// <param name="importance">float32 <c>[in]</c>; borrowed.</param>
    public static double Error(Tensor weight, Matrix encoded, Tensor importance)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor counts = importance.to_type(ScalarType.Float64), numbers = weight.to_type(ScalarType.Float64);
        Tensor off = encoded.Dense().to_type(ScalarType.Float64).sub_(numbers);
        double size = numbers.square().mul_(counts).sum().item<double>();
        return size > 0 ? Math.Sqrt(off.square().mul_(counts).sum().item<double>() / size) : 0;
    }
}
