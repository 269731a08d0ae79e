using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Plugins.GammaMod.Training;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.GammaMod;

/// <summary>
/// gamma-MoD in the decoder. In a MoD layer each row's probability is <c>softmax(router(norm1(x)))[1]</c>; rows that run pass through the layer among
/// themselves, numbered 0, 1, 2, … in it, with their feed-forward branch weighted by the probability. The others pass by, and that layer's cache never sees
/// them.
/// </summary>
/// <param name="routers">The routers; owned.</param>
/// <param name="rules">How probabilities become rows at inference.</param>
/// <param name="training">How they do in training; null for a router that is not trained.</param>
internal sealed class GammaModRouter(RouterWeights routers, RoutingRules rules, TrainingRule? training) : ILayerRouter
{
    /// <summary>The name under which the training loss is added, once a MoD layer.</summary>
    public const string LossName = "router";

    private long _trainedRows;
    private long _trainedSkips;

    public string Name => GammaModFactory.MethodName;

    /// <summary>The MoD layers, ascending.</summary>
    public IReadOnlyList<int> Layers => routers.Layers;

    /// <summary>Of the rows that passed MoD layers in training, the share whose probability would let them skip at inference.</summary>
    public double WouldSkip => _trainedRows == 0 ? 0 : (double)_trainedSkips / _trainedRows;

    public void Declare(IRouterSites sites)
    {
        DecoderPhase phases = DecoderPhase.Prefill | DecoderPhase.Append | DecoderPhase.Decode | (training is null ? DecoderPhase.None : DecoderPhase.Train);
        foreach (int layer in Layers)
        {
            sites.Route(layer, phases, RouteUse.Skip | RouteUse.Subset, Route);
        }
    }

    public void Dispose() => routers.Dispose();

    private LayerRoute[] Route(ILayerContext context, Tensor rows, Tensor normed)
    {
        int[][] chosen = new int[context.Samples][];
        LayerRoute[] plans = Decide(context, normed, chosen, out float[] probabilities);
        for (int sample = 0; sample < plans.Length; sample++)
        {
            Report(context, sample, probabilities.AsSpan(context.Offsets[sample], context.Layout(sample).Count), chosen[sample]);
        }

        return plans;
    }

    private LayerRoute[] Decide(ILayerContext context, Tensor normed, int[][] chosen, out float[] values)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor logits = routers.Logits(context.Layer, normed);
        Tensor probabilities = logits.softmax(-1).select(1, 1); // [rows]
        values = probabilities.detach().to_type(ScalarType.Float32).cpu().data<float>().ToArray();
        LayerRoute[] plans = new LayerRoute[context.Samples];
        for (int sample = 0; sample < plans.Length; sample++)
        {
            int from = context.Offsets[sample], count = context.Offsets[sample + 1] - from;
            SequenceLayout layout = context.Layout(sample);
            ReadOnlySpan<float> own = values.AsSpan(from, count);
            chosen[sample] = context.Phase == DecoderPhase.Train
                ? training!.Choose(layout, own, LabelsOf(context, from, count))
                : rules.Choose(context.Phase, layout, own, normed.dtype);
            plans[sample] = Plan(context, sample, chosen[sample], probabilities, from);
        }

        if (context.Phase == DecoderPhase.Train)
        {
            _trainedRows += values.Length;
            _trainedSkips += values.Count(value => value <= rules.PrefillThreshold);
            context.Request.AddLoss(LossName, RouterLoss.Of(logits, context.Offsets, chosen));
        }

        return plans;
    }

    private LayerRoute Plan(ILayerContext context, int sample, int[] chosen, Tensor probabilities, int from)
    {
        if (chosen.Length == 0)
        {
            return LayerRoute.Skip;
        }

        int cached = context.CacheLength(sample);
        int[]? positions = cached > 0 && rules.AbsoluteOnCache ? null : [.. Enumerable.Range(cached, chosen.Length)];
        bool weighted = rules.WeightFeedForward || rules.WeightAttention;
        Tensor? weights = weighted
            ? probabilities.index_select(0, tensor([.. chosen.Select(row => (long)(from + row))], device: probabilities.device)).to_type(ScalarType.Float32)
            : null;
        return new LayerRoute.Subset(chosen)
        {
            FeedForwardScale = rules.WeightFeedForward ? weights?.alias().MoveToOuterDisposeScope() : null,
            AttentionScale = rules.WeightAttention ? weights?.alias().MoveToOuterDisposeScope() : null,
            Positions = positions is null ? null : [positions],
        };
    }

    private static long[]? LabelsOf(ILayerContext context, int from, int count)
        => context.Labels?.narrow(0, from, count).cpu().data<long>().ToArray();

    private void Report(ILayerContext context, int sample, ReadOnlySpan<float> probabilities, int[] chosen)
    {
        if (context.Request.Trace is not { } trace)
        {
            return;
        }

        SequenceLayout layout = context.Layout(sample);
        using Tensor values = tensor(probabilities.ToArray());
        using Tensor selected = tensor(Array.ConvertAll(chosen, row => (long)layout.Original[row]));
        trace.Value(context, sample, "gamma-mod.probability", values);
        trace.Value(context, sample, "gamma-mod.selected", selected);
        trace.MethodMacs(Name, 2L * probabilities.Length * context.Request.Decoder.HiddenSize);
    }
}
