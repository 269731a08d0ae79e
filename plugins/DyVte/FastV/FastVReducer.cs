using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte.FastV;

/// <summary>
/// FastV as the DyVTE repository has it: after one layer the visual tokens with the largest head-mean attention from the last prompt token stay, in their order
/// and with their positions. Where no visual token is left, as after an exit, nothing happens.
/// </summary>
internal sealed class FastVReducer(FastVOptions options) : ITokenReducer
{
    public string Name => FastVFactory.MethodName;

    public void Declare(IReducerSites sites) => sites.AfterLayer(options.Layer, DecoderPhase.Prefill, needsAttention: true, Choose);

    public void Dispose()
    {
    }

    private RowSelection? Choose(ILayerContext context, Tensor rows, IAttentionStatistics? statistics)
    {
        int[]?[] keep = new int[]?[context.Samples];
        for (int sample = 0; sample < context.Samples; sample++)
        {
            PromptRows prompt = PromptRows.Of(context.Layout(sample));
            int kept = options.Kept(prompt.Visual.Length);
            if (prompt.CanExit && kept < prompt.Visual.Length && statistics is not null)
            {
                keep[sample] = Keep(context, statistics, sample, prompt, kept);
            }
        }

        return new RowSelection(keep);
    }

    private int[] Keep(ILayerContext context, IAttentionStatistics statistics, int sample, PromptRows prompt, int kept)
    {
        int current = context.Layout(sample).Count;
        using Tensor sums = statistics.ColumnSums(sample, HeadReduction.Mean, [[prompt.Last]]); // [1, keys]
        using Tensor host = sums.cpu();
        float[] map = host.data<float>().ToArray();
        float[] scores = Array.ConvertAll(prompt.Visual, row => map[map.Length - current + row]);
        int[] chosen = [.. Enumerable.Range(0, scores.Length).OrderByDescending(i => scores[i]).Take(kept).Order()];
        Report(context, sample, scores, chosen);
        HashSet<int> dropped = [.. prompt.Visual.Except(chosen.Select(i => prompt.Visual[i]))];
        return [.. Enumerable.Range(0, current).Where(row => !dropped.Contains(row))];
    }

    private void Report(ILayerContext context, int sample, float[] scores, int[] chosen)
    {
        if (context.Request.Trace is not { } trace)
        {
            return;
        }

        using Tensor score = tensor(scores), kept = tensor(Array.ConvertAll(chosen, i => (long)i));
        trace.Value(context, sample, "fastv.score", score);
        trace.Value(context, sample, "fastv.kept", kept);
        DecoderInfo decoder = context.Request.Decoder;
        trace.MethodMacs(Name, (long)Math.Max(context.CacheLength(sample), context.Layout(sample).Count) * decoder.Heads * decoder.HeadSize);
    }
}
