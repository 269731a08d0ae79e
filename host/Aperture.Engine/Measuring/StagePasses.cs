using Aperture.Decoding;

namespace Aperture.Measuring;

/// <summary>
/// Collects the passes of runs that are told by stage, and picks the fastest: what the code itself takes, with the least of what neighbours on the machine and
/// the just-in-time compiler add.
/// </summary>
/// <param name="ops">The model's operations, whose turn the caller has during each run.</param>
internal sealed class StagePasses(Ops ops)
{
    private readonly List<StagePass> _first = [];
    private readonly List<StagePass> _later = [];

    /// <summary>The fastest pass to the first token.</summary>
    public StagePass First => Fastest(_first);

    /// <summary>The fastest pass to a later token.</summary>
    /// <exception cref="ApertureException">No answer had a second token.</exception>
    public StagePass Later => _later.Count > 0 ? Fastest(_later)
        : throw new ApertureException("A profile needs an answer of two tokens or more; ask for more (--max-new-tokens).");

    /// <summary>Runs a request with the clock going.</summary>
    /// <param name="kept">Whether its passes count; one that warms up is told by stage too, but forgotten.</param>
    /// <param name="request">The request; gets the clock.</param>
    public void Run(bool kept, Action<StageClock> request)
    {
        StageClock clock = new(ops.Device);
        ops.Clock = clock;
        try
        {
            clock.Begin();
            request(clock);
        }
        finally
        {
            ops.Clock = null;
        }

        if (kept)
        {
            _first.Add(clock.Passes[0]);
            _later.AddRange(clock.Passes.Skip(1));
        }
    }

    private static StagePass Fastest(List<StagePass> passes) => passes.MinBy(pass => pass.Milliseconds)!;
}
