using Aperture.Vision;

namespace Aperture.Tasks;

/// <summary>How far a call is.</summary>
/// <param name="Stage">What is being done, in a few words.</param>
/// <param name="Done">Steps of the stage that are done.</param>
/// <param name="Total">Steps of the stage; 0 where nobody knows.</param>
public sealed record TaskProgress(string Stage, int Done, int Total)
{
    /// <summary>What the picture would be if the call ended now; null without a preview.</summary>
    public Picture? Picture { get; init; }

    /// <summary>What the mask would be if the call ended now; null without a preview.</summary>
    public MaskImage? Mask { get; init; }
}
