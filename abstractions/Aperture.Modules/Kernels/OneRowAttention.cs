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
    /// <param name="q">Queries, a row of each head.</param>
    /// <param name="k">Keys.</param>
    /// <param name="v">Values.</param>
    /// <param name="output">Gets the results, as queries.</param>
    /// <param name="shape">heads, kv heads, d, keys.</param>
    public static void Run(
        WorkerTeam team, HeadRows q, CachedRows k, CachedRows v, HeadRows output, (int Heads, int KeyValueHeads, int D, int Keys) shape)
    {
        int group = shape.Heads / shape.KeyValueHeads;
        team.Run(shape.KeyValueHeads, keyValueHead =>
        {
            int d = shape.D, keys = shape.Keys;
            float[] rented = ArrayPool<float>.Shared.Rent((2 * group * d) + d + (group * keys));
            fixed (float* queries = rented)
            {
                float* sums = queries + (group * d), row = sums + (group * d), logits = row + d;
                for (int h = 0; h < group; h++)
                {
                    q.Read((keyValueHead * group) + h, 0, queries + (h * d), d);
                }

                FloatRow.Scale(queries, group * d, 1f / MathF.Sqrt(d));
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
                    FloatRow.Softmax(logits + (h * keys), keys);
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

                for (int h = 0; h < group; h++)
                {
                    output.Write((keyValueHead * group) + h, 0, sums + (h * d), d);
                }
            }

            ArrayPool<float>.Shared.Return(rented);
        });
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
}
