using Aperture.Decoding;
using Aperture.Plugins.Eas.Adapters;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas;

/// <summary>
/// EAS in a decoder. A kept layer's attention reads adapted rows: <c>h = x + MHA(Ad(N1 x)); y = h + f(N2 h)</c>. A skipped layer has one residual and of the
/// second norm only the gain g: <c>y = x + f(PIA(N1 x) ⊙ g)</c>; it has no attention and no cache. Router weights and pool are decided in a sequence's prefill
/// and kept for decoding.
/// </summary>
/// <param name="adapters">The adapters of all layers.</param>
/// <param name="skipped">Layers without attention.</param>
/// <param name="settings">How they run.</param>
/// <param name="ownsAdapters">Whether disposing the router disposes the adapters.</param>
internal sealed class EasRouter(EasAdapters adapters, IReadOnlySet<int> skipped, EasSettings settings, bool ownsAdapters = true) : ILayerRouter
{
    private (ScalarType Type, DeviceType Device, int Index)? _place;

    public string Name => EasFactory.MethodName;

    /// <summary>The layers without attention.</summary>
    public IReadOnlySet<int> Skipped => skipped;

    public EasAdapters Adapters => adapters;

    public void Declare(IRouterSites sites)
    {
        if (adapters.Vision is { } vision)
        {
            sites.Vision(vision.Hooks(settings.Dropout));
        }

        for (int layer = 0; layer < sites.Decoder.Layers; layer++)
        {
            if (skipped.Contains(layer))
            {
                sites.Route(layer, DecoderPhase.All, RouteUse.Composite | RouteUse.NeverAttends, Replace);
            }
            else if (adapters.Ordinary[layer] is not null)
            {
                sites.BeforeAttention(layer, DecoderPhase.All, Adapt);
            }
        }
    }

    public ISequenceState? Begin(IRequestContext request)
    {
        if (settings.Merge == MergeForm.Full && request.Samples > 1)
        {
            throw EasAdapters.Error($"Merge Full rewrites whole matrices and takes one sequence at a time, not {request.Samples}; use LowRank");
        }

        return new EasState(request.Decoder.Layers);
    }

    public void Dispose()
    {
        if (ownsAdapters)
        {
            adapters.Dispose();
        }
    }

    private AttentionInput? Adapt(ILayerContext context, Tensor normed)
    {
        MoveOnce(context, normed);
        RepAdapter adapter = adapters.Ordinary[context.Layer]!;
        EasState state = context.Request.State<EasState>(this);
        using DisposeScope scope = NewDisposeScope();
        if (state.Undecided(context, Decides(context)) is { } now)
        {
            Tensor? decided = adapter.Router is null ? null : adapter.Route(PackedRows.Read(settings.Query, context, normed));
            state.Remember(context.Layer, now, decided, null);
            Report(context, "eas.router", decided);
        }

        Tensor? weights = state.Weights(context.Layer);
        if (settings.Merge != MergeForm.Off)
        {
            AttentionDeltas?[] deltas = state.Attention(
                context.Layer, context.Samples, sample => MergeAttention(context, adapter, weights?[sample], normed.dtype));
            DecoderInfo sizes = context.Request.Decoder;
            ReportMerged(context, normed.size(0), adapter.Down.Outputs, 3, (sizes.Heads + (2 * sizes.KeyValueHeads)) * sizes.HeadSize);
            return new AttentionInput { Deltas = deltas };
        }

        (Tensor grouped, Tensor? own) = PackedRows.Grouped(context, normed, weights);
        Tensor adapted = adapter.Run(grouped, own, settings.Dropout).reshape(normed.shape);
        ReportMacs(context, 2L * normed.size(0) * adapter.Down.Outputs * normed.size(1));
        return new AttentionInput { Rows = adapted.MoveToOuterDisposeScope() };
    }

    private LayerRoute[] Replace(ILayerContext context, Tensor rows, Tensor normed)
    {
        MoveOnce(context, normed);
        PropagationAdapter adapter = adapters.Propagation[context.Layer]!;
        EasState state = context.Request.State<EasState>(this);
        using DisposeScope scope = NewDisposeScope();
        if (state.Undecided(context, Decides(context)) is { } now)
        {
            Tensor router = adapter.Route(PackedRows.Read(settings.Query, context, normed));
            Tensor pool = adapter.Pool(PackedRows.Read(settings.PoolQuery, context, normed));
            state.Remember(context.Layer, now, router, pool);
            Report(context, "eas.router", router);
            Report(context, "eas.pool", pool);
        }

        if (settings.DecodePool == DecodePool.Self && !Decides(context))
        {
            state.Replace(context.Layer, adapter.Pool(PackedRows.Read(TokenQuery.MeanAll, context, normed)));
        }

        return [.. Enumerable.Range(0, context.Samples).Select(sample => new LayerRoute.Composite(input => Compute(context, state, adapter, sample, input)))];
    }

    private Tensor Compute(ILayerContext context, EasState state, PropagationAdapter adapter, int sample, CompositeInput input)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor weights = state.Weights(context.Layer)!.narrow(0, sample, 1), pool = state.Pool(context.Layer)!.narrow(0, sample, 1); // [1, 2], [1, r]
        Tensor mixed;
        long rows = input.Rows.size(0), r = adapter.RowDown.Outputs;
        if (settings.Merge == MergeForm.Off)
        {
            Tensor propagated = adapter.Run(input.Normed.unsqueeze(0), pool, weights, settings.Dropout).squeeze(0);
            mixed = input.FeedForward(propagated.mul(input.SecondNormWeight), null);
            ReportMacs(context, ((2 * rows) + 1) * r * input.Rows.size(1));
        }
        else
        {
            FeedForwardDeltas deltas = state.FeedForward(
                context.Layer, sample, context.Samples, ()
                    => MergeFeedForward(context, adapter, weights[0], pool[0], input.SecondNormWeight, input.Normed.dtype));
            mixed = input.FeedForward(input.Normed, deltas);
            int matrices = context.Request.Decoder.GatedFeedForward ? 2 : 1;
            ReportMerged(context, rows, r, matrices, matrices * (long)context.Request.Decoder.IntermediateSize);
        }

        return input.Rows.add(mixed).MoveToOuterDisposeScope();
    }

    private AttentionDeltas MergeAttention(ILayerContext context, RepAdapter adapter, Tensor? weights, ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        using AffineAdapter affine = adapter.Affine(weights);
        WeightDelta Into(LayerMatrix matrix) => Merge(context, affine, matrix, adapter.Down.Outputs, null, type);
        return new AttentionDeltas(Into(LayerMatrix.Query), Into(LayerMatrix.Key), Into(LayerMatrix.Value));
    }

    private FeedForwardDeltas MergeFeedForward(ILayerContext context, PropagationAdapter adapter, Tensor weights, Tensor pool, Tensor gain, ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        using AffineAdapter affine = adapter.Affine(weights, pool);
        WeightDelta Into(LayerMatrix matrix) => Merge(context, affine, matrix, adapter.RowDown.Outputs, gain, type);
        return new FeedForwardDeltas(context.Request.Decoder.GatedFeedForward ? Into(LayerMatrix.Gate) : null, Into(LayerMatrix.Up));
    }

    private WeightDelta Merge(ILayerContext context, AffineAdapter affine, LayerMatrix matrix, long r, Tensor? gain, ScalarType type)
    {
        using Tensor linear = context.Dense(matrix);
        bool dense = settings.Merge == MergeForm.Full;
        ReportMacs(context, (dense ? 2 : 1) * linear.NumberOfElements * r);
        return affine.MergeInto(linear, gain, dense, settings.OfficialBias, type);
    }

    // Rows of training and of a prompt's prefill decide; what comes later lives with it.
    private static bool Decides(ILayerContext context) => context.Phase is DecoderPhase.Prefill or DecoderPhase.Train;

    // At inference the adapters live where the rows do; merging is computed in float32. Parameters in training stay what they are.
    private void MoveOnce(ILayerContext context, Tensor rows)
    {
        ScalarType type = settings.Merge == MergeForm.Off ? rows.dtype : ScalarType.Float32;
        (ScalarType, DeviceType, int) place = (type, rows.device.type, rows.device.index);
        if (context.Phase != DecoderPhase.Train && _place != place)
        {
            adapters.MoveTo(rows.device, type);
            _place = place;
        }
    }

    private static void Report(ILayerContext context, string name, Tensor? values)
    {
        if (context.Request.Trace is { } trace && values is not null)
        {
            for (int sample = 0; sample < context.Samples; sample++)
            {
                using Tensor own = values[sample];
                trace.Value(context, sample, name, own);
            }
        }
    }

    // What low-rank changes of some matrices on the same rows cost; whole matrices cost what the host counts.
    private void ReportMerged(ILayerContext context, long rows, long r, int matrices, long outputs)
        => ReportMacs(context, settings.Merge == MergeForm.Full ? 0 : rows * r * ((matrices * (long)context.Request.Decoder.HiddenSize) + outputs));

    private void ReportMacs(ILayerContext context, long macs) => context.Request.Trace?.MethodMacs(Name, macs);
}
