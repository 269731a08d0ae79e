using System.Diagnostics;
using Aperture.Measuring;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>Adds up the wall time spent inside hooks; on a GPU the device is waited for before and after each.</summary>
/// <param name="device">The device.</param>
public sealed class HookClock(Device device)
{
    private long _ticks;

    /// <summary>The time so far, in milliseconds.</summary>
    public double Milliseconds => _ticks * 1000.0 / Stopwatch.Frequency;

    /// <summary>Counts the hooks of every phase among the stages of a profile; null for those on the way to the first token, added up here alone.</summary>
    internal StageClock? Stages { get; init; }

    internal T Time<T>(Func<T> hook)
    {
        using StageScope timed = Stages is { } stages ? stages.Enter(ForwardStage.Method) : default;
        Synchronize();
        long started = Stopwatch.GetTimestamp();
        T result = hook();
        Synchronize();
        _ticks += Stopwatch.GetTimestamp() - started;
        return result;
    }

    private void Synchronize()
    {
        if (device.type == DeviceType.CUDA)
        {
            cuda.synchronize(device);
        }
    }
}
