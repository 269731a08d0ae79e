using Aperture.Decoding;
using Aperture.Plugins.DyVte.Gates;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte;

/// <summary>
/// DyVTE at run time (spec section 3.3): after every layer of a prompt a gate reads the text rows; after the first that fires, all visual rows go. Layers up to
/// it keep them in their caches, later layers never see them, positions are not renumbered. Decoding needs no hook: what a layer's cache holds is what its rows
/// attend to.
/// </summary>
/// <param name="options">The options, checked against the model.</param>
/// <param name="gates">The gates, owned; null where none decide.</param>
internal sealed class ExitReducer(DyVteOptions options, GateSet? gates) : ITokenReducer
{
    private readonly bool _readsAttention = gates is not null && options.GateInput == GateInputs.Attention;

    public string Name => DyVteFactory.MethodName;

    public void Declare(IReducerSites sites)
    {
        options.CheckLayers(sites.Decoder);
        if (!options.Enabled)
        {
            return;
        }

        (int first, int last) = options.FixedExitLayer is { } only ? (only, only) : (options.MinExitLayer, options.MaxExitLayer ?? sites.Decoder.Layers - 1);
        for (int layer = first; layer <= last; layer++)
        {
            bool forced = layer == options.FixedExitLayer || layer == options.MaxExitLayer;
            sites.AfterLayer(
                layer,
                DecoderPhase.Prefill | DecoderPhase.Append,
                _readsAttention && !forced,
                (context, rows, statistics) => forced ? Leave(context, Live(context)) : Ask(context, rows, statistics));
        }
    }

    public ISequenceState? Begin(IRequestContext request) => new ExitState(request.Samples);

    public void Dispose() => gates?.Dispose();

    // The samples whose visual rows are still there and may go.
    private List<int> Live(ILayerContext context)
    {
        ExitState state = context.Request.State<ExitState>(this);
        state.Arm(context.Request.Step);
        return
        [
            .. Enumerable.Range(0, context.Samples).Where(
                sample => state.ExitLayer[sample] == ExitState.None && state.Rows(sample, context.Layout(sample)).CanExit),
        ];
    }

    private RowSelection? Ask(ILayerContext context, Tensor rows, IAttentionStatistics? statistics)
    {
        List<int> live = Live(context);
        if (live.Count == 0 || (_readsAttention && statistics is null))
        {
            return null;
        }

        List<int> asked = options.BatchPolicy == "FirstSample" ? [.. live.Where(sample => sample == 0)] : live;
        Vote(context, rows, statistics, asked);
        ExitState state = context.Request.State<ExitState>(this);
        return Leave(context, options.BatchPolicy switch
        {
            "FirstSample" => state.Voted[0] ? live : [],
            "AllMustExit" => live.TrueForAll(sample => state.Voted[sample]) ? live : [],
            _ => [.. live.Where(sample => state.Voted[sample])],
        });
    }

    private void Vote(ILayerContext context, Tensor rows, IAttentionStatistics? statistics, List<int> samples)
    {
        if (samples.Count == 0)
        {
            return;
        }

        using DisposeScope scope = NewDisposeScope();
        ExitState state = context.Request.State<ExitState>(this);
        // [samples, inputs]
        Tensor features = stack([.. samples.Select(sample => Feature(context, rows, statistics, sample, state.Rows(sample, context.Layout(sample))))], 0);
        Tensor logits = gates!.Logits(context.Layer, features).cpu(); // [samples, 2]: keep, exit
        float[] values = logits.data<float>().ToArray();
        for (int i = 0; i < samples.Count; i++)
        {
            bool fires = (double)values[(2 * i) + 1] - values[2 * i] > options.Margin;
            state.Streak[samples[i]] = fires ? state.Streak[samples[i]] + 1 : 0;
            state.Voted[samples[i]] |= state.Streak[samples[i]] >= options.Patience;
            if (context.Request.Trace is { } trace)
            {
                trace.Value(context, samples[i], "dyvte.feature", features[i]);
                trace.Value(context, samples[i], "dyvte.logits", logits[i]);
                trace.MethodMacs(Name, gates.Macs(context.Layer));
            }
        }
    }

    private Tensor Feature(ILayerContext context, Tensor rows, IAttentionStatistics? statistics, int sample, PromptRows prompt)
    {
        if (!_readsAttention)
        {
            return GateInputs.OfText(rows, context.Offsets[sample], prompt, withPrefix: options.GateInput == GateInputs.AllText);
        }

        SequenceLayout layout = context.Layout(sample);
        long[] places = prompt.VisualPlaces(layout);
        int size = gates!.Inputs / 3;
        if (places[^1] >= size)
        {
            throw DyVteOptions.Error(
                $"a request has {places[^1] + 1} visual tokens, but these gates read the attention on {size}; take gates that were trained for that number");
        }

        return GateInputs.OfAttention(statistics!, sample, prompt, layout.Count, places, size);
    }

    private RowSelection? Leave(ILayerContext context, List<int> samples)
    {
        if (samples.Count == 0)
        {
            return null;
        }

        ExitState state = context.Request.State<ExitState>(this);
        int[]?[] keep = new int[]?[context.Samples];
        foreach (int sample in samples)
        {
            SequenceLayout layout = context.Layout(sample);
            state.ExitLayer[sample] = context.Layer;
            keep[sample] = state.Rows(sample, layout).WithoutVisual(layout.Count);
            if (context.Request.Trace is { } trace)
            {
                using Tensor layer = tensor((long)context.Layer);
                trace.Value(context, sample, "dyvte.exit", layer);
            }
        }

        return new RowSelection(keep) { LeavesCaches = options.DropOwnCache };
    }
}
