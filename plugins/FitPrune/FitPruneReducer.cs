using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Models;

namespace Aperture.Plugins.FitPrune;

/// <summary>
/// FitPrune at run time: in every layer whose recipe entry is k > 0, the k visual tokens with the lowest product of cross and self attention go, after the
/// layer's attention and before its output projection. The layer's own cache keeps them; later layers never see them.
/// </summary>
internal sealed class FitPruneReducer(Recipe recipe, FitPruneOptions options) : VisualReducer
{
    private readonly bool _half = options.ScoreDType == "compute";
    private readonly HeadReduction _reduction = options.HeadReduce == "mean" ? HeadReduction.Mean : HeadReduction.Max;

    public override string Name => FitPruneFactory.MethodName;

    public Recipe Recipe => recipe;

    public override void Declare(IReducerSites sites)
    {
        recipe.CheckedFor(sites.Decoder.Layers, sites.Decoder.Model);
        DecoderPhase phases = options.PruneAppended ? DecoderPhase.Prefill | DecoderPhase.Append : DecoderPhase.Prefill;
        for (int layer = 0; layer < recipe.Layers; layer++)
        {
            if (recipe.Delete[layer] > 0)
            {
                sites.AfterAttention(layer, phases, At(layer));
            }
        }
    }

    public override ISequenceState? Begin(IRequestContext request)
    {
        FitPruneState state = new(request.Samples);
        for (int sample = 0; sample < request.Samples; sample++)
        {
            Start(state, sample, request.Step, request.Prompt(sample).VisualCount);
        }

        return state;
    }

    protected override int[] Choose(ILayerContext context, IAttentionStatistics statistics, int step, int sample, ImageRows rows)
    {
        FitPruneState state = context.Request.State<FitPruneState>(this);
        if (state.Step[sample] != context.Request.Step)
        {
            // A later turn brings new images: their number is what enters the first layer that prunes.
            Start(state, sample, context.Request.Step, rows.Visual.Length);
        }

        int n = rows.Visual.Length;
        int k = Math.Min(state.Delete[sample][step], Math.Max(n - options.MinVisualTokens, 0));
        if (k == 0)
        {
            return [];
        }

        if (k >= n && context.Request.Trace is null)
        {
            return [.. Enumerable.Range(0, n)];
        }

        float[] scores = Score(context, statistics, sample, rows);
        int[] deleted = TokenScores.Lowest(scores, Math.Min(k, n), options.StableTies);
        ReportRows(context, sample, "fitprune.deleted", rows, deleted);
        return deleted;
    }

    private float[] Score(ILayerContext context, IAttentionStatistics statistics, int sample, ImageRows rows)
    {
        int current = context.Layout(sample).Count;
        VisualAttention attention = _half
            ? HalfPrecisionAttention.Measure(statistics, sample, rows, current, _reduction, options.RowBlock)
            : VisualAttention.Measure(statistics, sample, rows, current, _reduction);
        float[] self = _half ? attention.Self : Array.ConvertAll(attention.Self, s => s / rows.Visual.Length);
        float[] scores = TokenScores.Of(self, attention.Cross, rows.Text.Length, options.ScoreMode, _half);
        Report(context, sample, "fitprune.self", self);
        Report(context, sample, "fitprune.cross", attention.Cross);
        Report(context, sample, "fitprune.score", scores);
        ReportMacs(context, sample, rows);
        return scores;
    }

    private void Start(FitPruneState state, int sample, int step, int visualTokens)
    {
        if (visualTokens > 0 && options.MinVisualTokens > visualTokens)
        {
            throw FitPruneOptions.Error(
                $"MinVisualTokens is {options.MinVisualTokens}, but a request has {visualTokens} visual tokens; give at most that many");
        }

        state.Step[sample] = step;
        state.Delete[sample] = options.ScaleToTokens ? recipe.ScaledTo(visualTokens) : recipe.Delete;
    }
}
