using System.Diagnostics;
using Aperture.Decoding;
using static TorchSharp.torch;

namespace Aperture.Measuring;

/// <summary>Times products on the CPU. What is compared alternates, and each counts with its best round, so that a busy machine slows all alike.</summary>
public static class ProductTimer
{
    private const int Rows = 384, Inputs = 1024, Outputs = 2048, Rounds = 5, OneRowCalls = 8;

    /// <summary>Times all products, some 200 ms of work.</summary>
    /// <param name="threads">Threads.</param>
    /// <param name="time">Runs something and tells its milliseconds; null for the clock.</param>
    public static ProductTimes Measure(int threads, Func<Action, double>? time = null)
    {
        time ??= ByClock;
        using IDisposable mode = inference_mode();
        using Ops half = new(CPU, ScalarType.BFloat16, threads), wide = new(CPU, ScalarType.Float32, threads);
        using Tensor noise = randn(Outputs, Inputs), rows = randn(Rows, Inputs), row = randn(1, Inputs);
        using Tensor halfRows = rows.to_type(ScalarType.BFloat16), halfRow = row.to_type(ScalarType.BFloat16);
        using DenseMatrix stored = new(noise.to_type(ScalarType.BFloat16));
        using Int8Matrix eight = Int8Matrix.Quantize(noise, null, half);
        double[] best = Best(
            time,
            () => half.Linear(halfRows, stored, Rows).Dispose(),
            () => wide.Linear(rows, stored, Rows).Dispose(),
            () => eight.Apply(halfRows).Dispose(),
            Repeated(() => half.Linear(halfRow, stored, 1).Dispose()),
            Repeated(() => wide.Linear(row, stored, 1).Dispose()),
            Repeated(() => eight.Apply(halfRow).Dispose()));
        return new ProductTimes
        {
            Bf16Rows = best[0],
            Float32Rows = best[1],
            Int8Rows = best[2],
            Bf16Row = best[3] / OneRowCalls,
            Float32Row = best[4] / OneRowCalls,
            Int8Row = best[5] / OneRowCalls,
        };
    }

    // The first round warms up.
    private static double[] Best(Func<Action, double> time, params Action[] products)
    {
        double[] best = [.. products.Select(_ => double.PositiveInfinity)];
        for (int round = 0; round <= Rounds; round++)
        {
            for (int i = 0; i < products.Length; i++)
            {
                double taken = time(products[i]);
                best[i] = round == 0 ? best[i] : Math.Min(best[i], taken);
            }
        }

        return best;
    }

    private static Action Repeated(Action action) => () =>
    {
        for (int call = 0; call < OneRowCalls; call++)
        {
            action();
        }
    };

    private static double ByClock(Action action)
    {
        long started = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }
}
