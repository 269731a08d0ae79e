using System.Text.Json;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Vision;

/// <summary>
/// Inputs that a case defines by <c>shape</c>, <c>seed</c> and <c>p</c> instead of holding them: a hash of each element's number, exact in float32.
/// </summary>
internal static class GeneratedTensor
{
    /// <summary>Element k is <c>(h(k) / 2^23 - 1) 2^-p</c> with h a 24-bit hash.</summary>
    /// <param name="definition">The definition.</param>
    /// <returns>float32; the caller disposes it.</returns>
    public static Tensor Make(JsonElement definition)
    {
        long[] shape = [.. definition.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64())];
        uint seed = definition.GetProperty("seed").GetUInt32();
        float scale = MathF.Pow(2, -definition.GetProperty("p").GetInt32());
        float[] values = new float[shape.Aggregate(1L, (product, size) => product * size)];
        for (uint k = 0; k < values.Length; k++)
        {
            uint h = unchecked((k * 0x9E3779B9) + seed);
            h ^= h >> 16;
            h = unchecked(h * 0x85EBCA6B);
            h ^= h >> 13;
            h = unchecked(h * 0xC2B2AE35);
            h ^= h >> 16;
            values[k] = (((h >> 8) / 8388608f) - 1) * scale;
        }

        return tensor(values).view(shape);
    }
}
