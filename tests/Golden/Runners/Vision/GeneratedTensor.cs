using System.Text;
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

    /// <summary>Element i is <c>u scale + offset</c> in float32, u a 24-bit hash of salt, key and i.</summary>
    /// <param name="salt">The case's salt.</param>
    /// <param name="key">The tensor's name.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="scale">Scale.</param>
    /// <param name="offset">Offset.</param>
    /// <returns>float32; the caller disposes it.</returns>
    public static Tensor Salted(string salt, string key, long[] shape, float scale, float offset)
    {
        ulong hash = 0xcbf29ce484222325;
        foreach (byte letter in Encoding.UTF8.GetBytes($"{salt}:{key}"))
        {
            hash = unchecked((hash ^ letter) * 0x100000001b3);
        }

        float[] values = new float[shape.Aggregate(1L, (product, size) => product * size)];
        for (int i = 0; i < values.Length; i++)
        {
            ulong z = unchecked(hash + (((ulong)i + 1) * 0x9E3779B97F4A7C15));
            z = unchecked((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9);
            z = unchecked((z ^ (z >> 27)) * 0x94D049BB133111EB);
            z ^= z >> 31;
            float u = ((float)(z >> 40) * (1f / 8388608)) - 1;
            values[i] = (u * scale) + offset;
        }

        return tensor(values, shape);
    }
}
