using Aperture.Requests;

namespace Aperture.Comparing;

/// <summary>One question of a pipeline that keeps prefixes, or of one that does not. Times are medians in milliseconds.</summary>
/// <param name="Label">The pipeline's name in the table.</param>
/// <param name="Asked">Which question, and behind what.</param>
/// <param name="Rows">Rows of the prompt that the decoder ran before the first token.</param>
/// <param name="Kept">Rows of the prompt that an earlier question had run.</param>
/// <param name="Pictures">Pictures that the vision encoder saw.</param>
/// <param name="Times">Wall time by stage.</param>
/// <param name="Answer">The answer.</param>
public sealed record LaterMeasurement(string Label, AskedAs Asked, int Rows, int Kept, int Pictures, StageTimes Times, string Answer);

/// <summary>Which question was asked, and behind what.</summary>
public enum AskedAs
{
    /// <summary>The later question, with nothing kept.</summary>
    Afresh,

    /// <summary>The first question, which leaves its prefix.</summary>
    First,

    /// <summary>The later question, behind what the first one left.</summary>
    Later,
}
