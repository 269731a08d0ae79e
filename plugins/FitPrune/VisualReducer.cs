using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Plugins.FitPrune;

/// <summary>
/// Walks the samples of a layer, asks once for the attention on their visual tokens, and turns a rule's choice into the rows that go on.
/// Pruning, measuring and the search for a recipe are three rules on it.
/// </summary>
internal abstract class VisualReducer : ITokenReducer
{
    public abstract string Name { get; }

    public abstract void Declare(IReducerSites sites);

    public virtual ISequenceState? Begin(IRequestContext request) => null;

    public void Dispose()
    {
    }

    /// <summary>The visual tokens to delete, as indices into <see cref="ImageRows.Visual"/>; empty for none.</summary>
    /// <param name="context">The layer.</param>
    /// <param name="statistics">Its attention map.</param>
    /// <param name="step">The layer that the deletion was meant for; the host may have moved it to a later one.</param>
    /// <param name="sample">The sample, which has visual tokens.</param>
    /// <param name="rows">Its rows.</param>
    protected abstract int[] Choose(ILayerContext context, IAttentionStatistics statistics, int step, int sample, ImageRows rows);

    /// <summary>The hook for one step.</summary>
    protected AfterAttentionHook At(int step) => (context, statistics) =>
    {
        int[]?[]? keep = null;
        for (int sample = 0; sample < context.Samples; sample++)
        {
            ImageRows rows = ImageRows.Of(context.Layout(sample));
            if (rows.Visual.Length == 0)
            {
                continue;
            }

            int[] deleted = Choose(context, statistics, step, sample, rows);
            if (deleted.Length > 0)
            {
                keep ??= new int[]?[context.Samples];
                keep[sample] = rows.Without(deleted);
            }
        }

        return keep is null ? null : new RowSelection(keep);
    };

    /// <summary>Hands a named value to the trace, if somebody listens.</summary>
    protected static void Report(ILayerContext context, int sample, string name, float[] values)
    {
        if (context.Request.Trace is { } trace)
        {
            using Tensor value = tensor(values);
            trace.Value(context, sample, name, value);
        }
    }

    /// <summary>Hands the original rows of chosen visual tokens to the trace, if somebody listens.</summary>
    protected static void ReportRows(ILayerContext context, int sample, string name, ImageRows rows, int[] chosen)
    {
        if (context.Request.Trace is { } trace)
        {
            SequenceLayout layout = context.Layout(sample);
            using Tensor value = tensor(Array.ConvertAll(chosen, j => (long)layout.Original[rows.Visual[j]]));
            trace.Value(context, sample, name, value);
        }
    }

    /// <summary>Counts the attention scores that the statistics compute anew: every asked row against every key, all heads.</summary>
    protected void ReportMacs(ILayerContext context, int sample, ImageRows rows)
    {
        if (context.Request.Trace is { } trace)
        {
            DecoderInfo decoder = context.Request.Decoder;
            int keys = Math.Max(context.CacheLength(sample), context.Layout(sample).Count); // a forward without a cache attends to its own rows
            trace.MethodMacs(Name, (long)(rows.Visual.Length + rows.Text.Length) * keys * decoder.Heads * decoder.HeadSize);
        }
    }
}
