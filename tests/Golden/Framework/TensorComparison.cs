using TorchSharp;
using Xunit.Sdk;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests;

/// <summary>Compares a computed tensor with a recorded one.</summary>
internal static class TensorComparison
{
    /// <summary>
    /// Fails unless shapes agree, NaN and infinities stand in the same places, and all else differs by at most <paramref name="tolerance"/> times the largest
    /// finite absolute value of <paramref name="expected"/>.
    /// </summary>
    public static void Check(string what, Tensor expected, Tensor actual, double tolerance)
    {
        using DisposeScope scope = NewDisposeScope();
        if (!expected.shape.AsSpan().SequenceEqual(actual.shape))
        {
            throw new XunitException($"{what}: shape [{string.Join(", ", actual.shape)}], expected [{string.Join(", ", expected.shape)}].");
        }

        if (expected.numel() == 0)
        {
            return;
        }

        Tensor actualOnCpu = actual.detach().cpu();
        if (!expected.is_floating_point() && !expected.is_complex() && !actualOnCpu.is_floating_point() && !actualOnCpu.is_complex())
        {
            CheckWhole(what, expected.to(ScalarType.Int64), actualOnCpu.to(ScalarType.Int64), tolerance);
            return;
        }

        CheckReal(what, AsDoubles(expected), AsDoubles(actualOnCpu), tolerance);
    }

    private static Tensor AsDoubles(Tensor tensor) =>
        tensor.is_complex() ? torch.view_as_real(tensor).to(ScalarType.Float64) : tensor.to(ScalarType.Float64);

    private static void CheckWhole(string what, Tensor expected, Tensor actual, double tolerance)
    {
        if (tolerance > 0)
        {
            CheckReal(what, expected.to(ScalarType.Float64), actual.to(ScalarType.Float64), tolerance);
            return;
        }

        Tensor wrong = expected.ne(actual);
        if (wrong.any().item<bool>())
        {
            throw Differs(what, expected, actual, wrong, "must be equal");
        }
    }

    private static void CheckReal(string what, Tensor expected, Tensor actual, double tolerance)
    {
        Tensor finite = expected.isfinite();
        Tensor sameSpecials = expected.isnan().logical_and(actual.isnan()).logical_or(expected.eq(actual));
        Tensor wrongSpecials = finite.logical_not().logical_and(sameSpecials.logical_not()).logical_or(finite.logical_and(actual.isfinite().logical_not()));
        if (wrongSpecials.any().item<bool>())
        {
            throw Differs(what, expected, actual, wrongSpecials, "must be NaN or infinite in the same places");
        }

        Tensor zero = torch.zeros_like(expected);
        Tensor difference = torch.where(finite, actual - expected, zero).abs();
        double scale = torch.where(finite, expected, zero).abs().max().item<double>();
        double allowed = tolerance * (scale > 0 ? scale : 1);
        Tensor wrong = difference.gt(allowed);
        if (wrong.any().item<bool>())
        {
            double largest = difference.max().item<double>();
            throw Differs(
                what, expected, actual, wrong,
                $"largest difference {largest:G4}, allowed {allowed:G4} ({tolerance:G3} of {scale:G4}), relative {largest / (scale > 0 ? scale : 1):G3}");
        }
    }

    private static XunitException Differs(string what, Tensor expected, Tensor actual, Tensor wrong, string rule)
    {
        Tensor places = wrong.nonzero();
        List<string> lines = new();
        for (long i = 0; i < Math.Min(5, places.shape[0]); i++)
        {
            long[] place = places[i].data<long>().ToArray();
            TensorIndex[] indices = place.Select(index => TensorIndex.Single(index)).ToArray();
            lines.Add($"[{string.Join(", ", place)}] is {Value(actual, indices)}, expected {Value(expected, indices)}");
        }

        return new XunitException($"{what}: {places.shape[0]} of {expected.numel()} values differ; {rule}. {string.Join("; ", lines)}");
    }

    private static string Value(Tensor tensor, TensorIndex[] indices)
    {
        Tensor value = indices.Length == 0 ? tensor : tensor[indices];
        return value.dtype == ScalarType.Int64 ? value.item<long>().ToString() : value.item<double>().ToString("G9");
    }
}
