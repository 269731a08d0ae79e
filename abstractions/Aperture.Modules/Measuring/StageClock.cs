using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Measuring;

/// <summary>
/// Tells by stage where the time of a request goes. Time belongs to the innermost stage that is open, so that stages add up to the wall time with what lies
/// outside them. On a GPU the device is waited for at every border. Used by the one thread that runs the request.
/// </summary>
/// <param name="device">The device.</param>
internal sealed class StageClock(Device device)
{
    private static readonly ForwardStage[] _stages = Enum.GetValues<ForwardStage>();
    private readonly Stack<ForwardStage> _open = [];
    private readonly List<StagePass> _passes = [];
    private readonly long[] _ticks = new long[_stages.Length];
    private readonly int[] _calls = new int[_stages.Length];
    private readonly long[] _macs = new long[_stages.Length];
    private readonly long[] _bytes = new long[_stages.Length];
    private long _began;
    private long _last;

    /// <summary>The passes that have ended.</summary>
    public IReadOnlyList<StagePass> Passes => _passes;

    /// <summary>Begins the first pass.</summary>
    public void Begin() => _began = _last = Now();

    /// <summary>Opens a stage.</summary>
    /// <param name="stage">Which.</param>
    /// <returns>Ends it when it is disposed.</returns>
    public StageScope Enter(ForwardStage stage)
    {
        Charge();
        _open.Push(stage);
        _calls[(int)stage]++;
        return new StageScope(this);
    }

    /// <summary>Closes the innermost stage.</summary>
    public void Leave()
    {
        Charge();
        _open.Pop();
    }

    /// <summary>Counts work of the innermost stage; outside all it counts for nothing.</summary>
    /// <param name="macs">Multiply-accumulates.</param>
    /// <param name="weightBytes">Bytes of the weights multiplied with.</param>
    public void Count(long macs, long weightBytes)
    {
        if (_open.TryPeek(out ForwardStage stage))
        {
            _macs[(int)stage] += macs;
            _bytes[(int)stage] += weightBytes;
        }
    }

    /// <summary>A token is chosen: the next pass begins.</summary>
    public void EndPass()
    {
        Charge();
        _passes.Add(new StagePass(Milliseconds(_last - _began), [
            .. _stages.Where(stage => _calls[(int)stage] > 0).Select(stage => new StageTime(
                stage, _calls[(int)stage], Milliseconds(_ticks[(int)stage]), _macs[(int)stage], _bytes[(int)stage]))]));
        Array.Clear(_ticks);
        Array.Clear(_calls);
        Array.Clear(_macs);
        Array.Clear(_bytes);
        _began = _last;
    }

    private static double Milliseconds(long ticks) => ticks * 1000.0 / Stopwatch.Frequency;

    private void Charge()
    {
        long now = Now();
        if (_open.TryPeek(out ForwardStage stage))
        {
            _ticks[(int)stage] += now - _last;
        }

        _last = now;
    }

    private long Now()
    {
        if (device.type == DeviceType.CUDA)
        {
            cuda.synchronize(device);
        }

        return Stopwatch.GetTimestamp();
    }
}
