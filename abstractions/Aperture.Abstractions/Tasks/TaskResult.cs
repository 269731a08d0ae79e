namespace Aperture.Tasks;

/// <summary>What a call gave, what it cost, and the values that were asked for. It holds no tensors.</summary>
/// <typeparam name="T">What the task makes.</typeparam>
/// <param name="Value">What it made.</param>
/// <param name="Measure">What it cost.</param>
/// <param name="Trace">The named values that the caller wanted, in the order in which they came.</param>
public sealed record TaskResult<T>(T Value, Measure Measure, IReadOnlyList<TracedValue> Trace)
{
    /// <summary>The same call with another value, made from this one.</summary>
    /// <typeparam name="TOther">The other value's type.</typeparam>
    /// <param name="change">Makes it.</param>
    public TaskResult<TOther> Select<TOther>(Func<T, TOther> change) => new(change(Value), Measure, Trace);
}

/// <summary>What a call cost.</summary>
/// <param name="Milliseconds">Wall time by stage, in the order in which the stages were first entered; the device is waited for at each border.</param>
/// <param name="Flops">Floating-point operations by part of the model, 2 for a multiply-accumulate; empty where the model does not count.</param>
/// <param name="PeakMemory">The largest resident memory of the process meanwhile, in bytes; device memory is not in it, what runs beside the call is.</param>
public sealed record Measure(IReadOnlyDictionary<string, double> Milliseconds, IReadOnlyDictionary<string, long> Flops, long PeakMemory)
{
    /// <summary>Wall time of all stages, in milliseconds.</summary>
    public double TotalMilliseconds => Milliseconds.Values.Sum();

    /// <summary>Operations of all parts.</summary>
    public long TotalFlops => Flops.Values.Sum();
}

/// <summary>A named value of a call, copied out of the model.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Values">Its elements as float32, row-major.</param>
public sealed record TracedValue(string Name, long[] Shape, float[] Values);
