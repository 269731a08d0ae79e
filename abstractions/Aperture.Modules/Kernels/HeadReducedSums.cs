using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Aperture.Kernels;

/// <summary>
/// Softmax of a block of attention logits, maximum or mean over heads, and column sums over groups of rows, without storing any map:
/// each row's probabilities live in one buffer of a thread.
/// </summary>
internal static unsafe class HeadReducedSums
{
    public static void Add(
        WorkerTeam team,
        void* scores,
        bool bf16,
        ReadOnlyMemory<int> visible,
        ReadOnlyMemory<int> first,
        ReadOnlyMemory<int> groupOf,
        float* sums,
        (int Heads, int Keys, int Stride, int Groups) shape,
        float scale,
        bool maximum)
    {
        int rows = visible.Length;
        int parts = Math.Min(rows, team.Threads * 2);
        nint logits = (nint)scores, total = (nint)sums;
        Lock adding = new();
        team.Run(parts, part =>
        {
            int from = rows * part / parts, to = rows * (part + 1) / parts;
            int padded = shape.Keys + 16;
            float[] work = System.Buffers.ArrayPool<float>.Shared.Rent(padded * (2 + shape.Groups));
            fixed (float* probabilities = work)
            {
                float* reduced = probabilities + padded;
                float* own = reduced + padded;
                new Span<float>(own, padded * shape.Groups).Clear();
                for (int row = from; row < to; row++)
                {
                    (int begin, int end, int groups) = (first.Span[row], visible.Span[row], groupOf.Span[row]);
                    if (groups == 0 || end <= begin)
                    {
                        continue;
                    }

                    new Span<float>(reduced, padded).Clear();
                    for (int head = 0; head < shape.Heads; head++)
                    {
                        long offset = (((long)head * rows) + row) * shape.Keys;
                        if (bf16)
                        {
                            Bf16.Widen((ushort*)logits + offset + begin, probabilities + begin, end - begin);
                        }
                        else
                        {
                            new ReadOnlySpan<float>((float*)logits + offset + begin, end - begin).CopyTo(new Span<float>(probabilities + begin, end - begin));
                        }

                        Reduce(probabilities, reduced, begin, end, scale, maximum, 1f / shape.Heads);
                    }

                    for (int group = 0; group < shape.Groups; group++)
                    {
                        if ((groups & (1 << group)) != 0)
                        {
                            AddTo(reduced, own + ((long)group * padded), begin, end);
                        }
                    }
                }

                lock (adding)
                {
                    for (int group = 0; group < shape.Groups; group++)
                    {
                        AddTo(own + ((long)group * padded), (float*)total + ((long)group * shape.Stride), 0, shape.Keys);
                    }
                }
            }

            System.Buffers.ArrayPool<float>.Shared.Return(work);
        });
    }

    // Softmax in place, then maximum (or mean) into `reduced`.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Reduce(float* p, float* reduced, int begin, int end, float scale, bool maximum, float weight)
    {
        float peak = FloatRow.Peak(p + begin, end - begin);
        int i;
        Vector512<float> shift = Vector512.Create(peak), slope = Vector512.Create(scale), sum = default;
        for (i = begin; i + 16 <= end; i += 16)
        {
            Vector512<float> e = FloatExp.Of((Vector512.Load(p + i) - shift) * slope);
            e.Store(p + i);
            sum += e;
        }

        float scalar = Vector512.Sum(sum);
        for (; i < end; i++)
        {
            p[i] = MathF.Exp((p[i] - peak) * scale);
            scalar += p[i];
        }

        float share = (maximum ? 1f : weight) / scalar;
        Vector512<float> factor = Vector512.Create(share);
        for (i = begin; i + 16 <= end; i += 16)
        {
            Vector512<float> value = Vector512.Load(p + i) * factor;
            Vector512<float> current = Vector512.Load(reduced + i);
            (maximum ? Vector512.Max(current, value) : current + value).Store(reduced + i);
        }

        for (; i < end; i++)
        {
            float value = p[i] * share;
            reduced[i] = maximum ? MathF.Max(reduced[i], value) : reduced[i] + value;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddTo(float* source, float* target, int begin, int end)
    {
        int i = begin;
        for (; i + 16 <= end; i += 16)
        {
            (Vector512.Load(target + i) + Vector512.Load(source + i)).Store(target + i);
        }

        for (; i < end; i++)
        {
            target[i] += source[i];
        }
    }
}
