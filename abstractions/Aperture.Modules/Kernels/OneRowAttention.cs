using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Aperture.Kernels;

/// <summary>
/// Attention of one query row over all keys of a cache, the decode step's: one pass over a key/value head's keys for the logits of all query heads that share
/// it, softmax, one pass over its values for their weighted sums. Logits and sums are float32; bf16 probabilities are not rounded between.
/// </summary>
internal static unsafe class OneRowAttention
{
    /// <param name="team">Threads.</param>
    /// <param name="q">Queries <c>[heads, d]</c>, contiguous.</param>
    /// <param name="k">Keys.</param>
    /// <param name="v">Values.</param>
    /// <param name="output"><c>[heads, d]</c>, contiguous.</param>
    /// <param name="shape">heads, kv heads, d, keys.</param>
    /// <param name="bf16">Whether queries and output are bf16, else float32.</param>
    public static void Run(
        WorkerTeam team, void* q, CachedRows k, CachedRows v, void* output, (int Heads, int KeyValueHeads, int D, int Keys) shape, bool bf16)
    {
        nint pq = (nint)q, po = (nint)output;
        int group = shape.Heads / shape.KeyValueHeads;
        team.Run(shape.KeyValueHeads, keyValueHead =>
        {
            int d = shape.D, keys = shape.Keys;
            float[] rented = ArrayPool<float>.Shared.Rent((2 * group * d) + d + (group * keys));
            fixed (float* queries = rented)
            {
                float* sums = queries + (group * d), row = sums + (group * d), logits = row + d;
                long first = (long)keyValueHead * group * d;
                Widen(pq, first, queries, group * d, bf16);
                Scale(queries, group * d, 1f / MathF.Sqrt(d));
                for (int key = 0; key < keys; key++)
                {
                    float* current = k.Row(keyValueHead, key, row, d);
                    for (int h = 0; h < group; h++)
                    {
                        logits[(h * keys) + key] = Dot(queries + (h * d), current, d);
                    }
                }

                for (int h = 0; h < group; h++)
                {
                    k.Scale(keyValueHead, logits + (h * keys), keys);
                    SoftmaxRow.Run(logits + (h * keys), keys);
                    v.Scale(keyValueHead, logits + (h * keys), keys);
                }

                new Span<float>(sums, group * d).Clear();
                for (int key = 0; key < keys; key++)
                {
                    float* current = v.Row(keyValueHead, key, row, d);
                    for (int h = 0; h < group; h++)
                    {
                        AddScaled(sums + (h * d), current, logits[(h * keys) + key], d);
                    }
                }

                Store(sums, po, first, group * d, bf16);
            }

            ArrayPool<float>.Shared.Return(rented);
        });
    }

    private static void Widen(nint source, long offset, float* target, int count, bool bf16)
    {
        if (bf16)
        {
            Bf16.Widen((ushort*)source + offset, target, count);
        }
        else
        {
            new ReadOnlySpan<float>((float*)source + offset, count).CopyTo(new Span<float>(target, count));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scale(float* values, int count, float factor)
    {
        for (int i = 0; i < count; i++)
        {
            values[i] *= factor;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Dot(float* a, float* b, int d)
    {
        Vector512<float> sum = default;
        int i = 0;
        for (; i + 16 <= d; i += 16)
        {
            sum = Vector512.FusedMultiplyAdd(Vector512.Load(a + i), Vector512.Load(b + i), sum);
        }

        float total = Vector512.Sum(sum);
        for (; i < d; i++)
        {
            total += a[i] * b[i];
        }

        return total;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddScaled(float* sum, float* row, float weight, int d)
    {
        Vector512<float> factor = Vector512.Create(weight);
        int i = 0;
        for (; i + 16 <= d; i += 16)
        {
            Vector512.FusedMultiplyAdd(Vector512.Load(row + i), factor, Vector512.Load(sum + i)).Store(sum + i);
        }

        for (; i < d; i++)
        {
            sum[i] += row[i] * weight;
        }
    }

    private static void Store(float* sums, nint output, long offset, int count, bool bf16)
    {
        if (bf16)
        {
            Bf16.Round(sums, (ushort*)output + offset, count);
        }
        else
        {
            new ReadOnlySpan<float>(sums, count).CopyTo(new Span<float>((float*)output + offset, count));
        }
    }
}
