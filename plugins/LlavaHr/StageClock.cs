using System.Diagnostics;

namespace Aperture.Plugins.LlavaHr;

/// <summary>Where the time of an encoding goes: at any moment one stage runs.</summary>
/// <param name="stage">The stage that runs first.</param>
internal sealed class StageClock(string stage)
{
    private readonly Dictionary<string, double> _milliseconds = [];
    private string _stage = stage;
    private long _since = Stopwatch.GetTimestamp();

    /// <summary>Ends the stage that runs and begins another; a stage may run several times.</summary>
    /// <param name="stage">Its name.</param>
    public void Enter(string stage)
    {
        _milliseconds[_stage] = Of(_stage) + Stopwatch.GetElapsedTime(_since).TotalMilliseconds;
        (_stage, _since) = (stage, Stopwatch.GetTimestamp());
    }

    /// <summary>Milliseconds of a stage, without what it has run since it was last entered.</summary>
    /// <param name="stage">Its name.</param>
    public double Of(string stage) => _milliseconds.GetValueOrDefault(stage);
}
