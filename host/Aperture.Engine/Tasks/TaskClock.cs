using System.Diagnostics;
using Aperture.Measuring;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Tasks;

/// <summary>Measures one call: wall time by stage, with the device waited for at each border, operations by part, and the process's peak memory.</summary>
internal sealed class TaskClock : ITaskClock
{
    private const string Whole = "run", ResetFile = "/proc/self/clear_refs";

    private readonly Device _device;
    private readonly OrderedDictionary<string, double> _milliseconds = [];
    private readonly OrderedDictionary<string, long> _flops = [];
    private string? _stage;
    private long _since;

    public TaskClock(Device device)
    {
        _device = device;
        if (File.Exists(ResetFile))
        {
            PeakMemory.Reset();
        }

        _since = Stopwatch.GetTimestamp();
    }

    /// <inheritdoc />
    public void Enter(string stage)
    {
        if (_stage is { } before)
        {
            End(before);
        }

        _stage = stage; // What was done before the first stage belongs to it.
    }

    /// <inheritdoc />
    public void Count(string part, long flops) => _flops[part] = _flops.GetValueOrDefault(part) + flops;

    /// <summary>Ends the last stage.</summary>
    public Measure Stop()
    {
        End(_stage ?? Whole);
        return new Measure(_milliseconds, _flops, PeakMemory.Read());
    }

    private void End(string stage)
    {
        if (_device.type == DeviceType.CUDA)
        {
            cuda.synchronize(_device);
        }

        long now = Stopwatch.GetTimestamp();
        _milliseconds[stage] = _milliseconds.GetValueOrDefault(stage) + Stopwatch.GetElapsedTime(_since, now).TotalMilliseconds;
        _since = now;
    }
}
