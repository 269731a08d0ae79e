using Aperture.Generation;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Sequences;

namespace Aperture.Requests;

/// <summary>What a turn of a live conversation ran before its first token, and what it cost.</summary>
/// <param name="Ran">The rows that ran.</param>
/// <param name="Cost">What its pictures cost.</param>
/// <param name="Prefill">Milliseconds of the rows.</param>
/// <param name="Counter">The count of the turn.</param>
internal sealed record RunTurn(SequenceLayout Ran, PictureCost Cost, double Prefill, WorkCounter Counter)
{
    /// <summary>The answer as users get it; its figures are those of the turn alone.</summary>
    public Answer Answer(Model model, LiveTurn turn, IReadOnlyList<int> tokens, FinishReason finish, IReadOnlyList<double> times, long bytes)
    {
        IReadOnlyList<SequenceLayout> layouts = Counter.LayoutsOf(0);
        StageTimes stages = new(Cost.Vision, Cost.Projector, Prefill, 0, times.Count == 0 ? 0 : Statistics.Median(times));
        RequestOutcome outcome = new([], Ran.Count > 0 ? [Ran] : [], stages, bytes, Cost.VisionMacs, Cost.ProjectedRows, 0);
        return new Answer
        {
            Text = model.RequireTokenizer().Decode(tokens).Trim(),
            Tokens = tokens,
            Finish = finish,
            Times = stages,
            PromptTokens = Ran.Count,
            VisualTokens = Ran.VisualCount,
            VisualTokensByLayer = [.. layouts.Select(layout => layout.VisualCount)],
            Flops = FlopCount.Of(model, Counter, outcome),
            CacheBytes = bytes,
            TokenMaps = [.. turn.Images.Select((picture, image) => TokenMap.From(picture, image, Ran, layouts)).OfType<TokenMap>()],
        };
    }
}
