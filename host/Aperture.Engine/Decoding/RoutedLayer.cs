using Aperture.Models;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>
/// Carries out the plans of a layer's routers, one router after the other: rows that pass by stay as they are, rows that run are gathered into a state of their
/// own, and what comes back is scattered to where it came from. The next router sees only the rows that still run.
/// </summary>
internal sealed class RoutedLayer(
    DecoderLayer layer, Ops ops, DecoderLayerWeights weights, LayerCall call, RouteHook[] routers)
{
    private BranchScales _scales = BranchScales.None;

    /// <summary>Runs the routers from one on.</summary>
    /// <param name="state">The rows' state; loses the rows that hooks drop.</param>
    /// <param name="x">Layer input; consumed.</param>
    /// <param name="n">Its first norm; consumed.</param>
    /// <param name="router">The router to ask next.</param>
    /// <returns>Packed rows that go on.</returns>
    public Tensor Run(ForwardState state, Tensor x, Tensor n, int router)
    {
        if (router == routers.Length)
        {
            return layer.Body(state, x, n, call.Layer, weights, call, _scales);
        }

        IReadOnlyList<LayerRoute> plans = routers[router](call.ContextOf(state), x, n);
        if (plans.All(plan => plan is LayerRoute.All))
        {
            return Run(state, x, n, router + 1);
        }

        foreach (LayerRoute.Subset subset in plans.OfType<LayerRoute.Subset>())
        {
            Hold(subset.AttentionScale);
            Hold(subset.FeedForwardScale);
        }

        List<(int From, Tensor Rows)> replaced = Composites(state, x, n, plans);
        (int[] rows, SequenceLayout[] layouts) = RunningRows(state, plans);
        if (rows.Length > 0)
        {
            x = RunSome(state, x, n, plans, rows, layouts, router, replaced);
        }
        else
        {
            n.Dispose();
            x = Scatter(x, replaced);
        }

        return x;
    }

    private Tensor RunSome(
        ForwardState state, Tensor x, Tensor n, IReadOnlyList<LayerRoute> plans, int[] rows, SequenceLayout[] layouts, int router,
        List<(int From, Tensor Rows)> replaced)
    {
        using ForwardState inner = state.Subset(layouts);
        using Tensor index = Index(rows);
        Tensor innerNormed;
        using (n)
        {
            innerNormed = call.Hold(n.index_select(0, index));
        }

        BranchScales outerScales = _scales;
        using BranchScales own = Scales(state, plans);
        using BranchScales gathered = outerScales.Select(index);
        using BranchScales product = own.Times(gathered);
        _scales = product;
        using Tensor output = Run(inner, call.Hold(x.index_select(0, index)), innerNormed, router + 1);
        _scales = outerScales;

        x = Scatter(x, replaced);
        int[] survivors = inner.Kept is { } kept ? [.. kept.Select(i => rows[i])] : rows;
        using Tensor target = Index(survivors);
        Tensor merged;
        using (x)
        {
            merged = x.index_copy(0, target, output);
        }

        return survivors.Length == rows.Length ? merged : Drop(state, merged, [.. rows.Except(survivors)]);
    }

    // Rows that a hook dropped inside the layer leave the full set too.
    private Tensor Drop(ForwardState state, Tensor x, HashSet<int> dropped)
    {
        int[]?[] keep = new int[]?[state.Samples];
        for (int sample = 0; sample < keep.Length; sample++)
        {
            int from = state.Offsets[sample], to = state.Offsets[sample + 1];
            keep[sample] = [.. Enumerable.Range(0, to - from).Where(row => !dropped.Contains(from + row))];
        }

        using Tensor index = Index(state.Keep(new RowSelection(keep)));
        return Rows.Select(x, index);
    }

    private List<(int From, Tensor Rows)> Composites(ForwardState state, Tensor x, Tensor n, IReadOnlyList<LayerRoute> plans)
    {
        List<(int, Tensor)> replaced = [];
        for (int sample = 0; sample < plans.Count; sample++)
        {
            if (plans[sample] is not LayerRoute.Composite composite)
            {
                continue;
            }

            int from = state.Offsets[sample], count = state.Offsets[sample + 1] - from, current = sample;
            call.CountComputed(state, sample);
            using Tensor rows = x.narrow(0, from, count), normed = n.narrow(0, from, count);
            Tensor computed = composite.Compute(new CompositeInput(rows, normed, (weights.PostAttentionNorm ?? weights.InputNorm).Weight, (input, deltas) =>
            {
                int fed = (int)input.size(0);
                call.CountFeedForward(current, fed);
                using Tensor accepted = Rows.Accept(Fitting(input, rows).alias(), ops.Type);
                using Tensor? factor = _scales.FeedForward?.narrow(0, from, count);
                return layer.Scaled(layer.FeedForward(accepted, fed, weights, deltas), factor);
            }));
            bool isLent = ReferenceEquals(computed, rows) || ReferenceEquals(computed, normed);
            replaced.Add((from, call.Hold(Rows.Accept(isLent ? computed.alias() : computed, ops.Type))));
        }

        return replaced;
    }

    private Tensor Scatter(Tensor x, List<(int From, Tensor Rows)> replaced)
    {
        foreach ((int from, Tensor rows) in replaced)
        {
            using Tensor index = Index([.. Enumerable.Range(from, (int)rows.size(0))]);
            Tensor merged = x.index_copy(0, index, rows);
            x.Dispose();
            rows.Dispose();
            x = merged;
        }

        return x;
    }

    private static (int[] Rows, SequenceLayout[] Layouts) RunningRows(ForwardState state, IReadOnlyList<LayerRoute> plans)
    {
        List<int> rows = [];
        SequenceLayout[] layouts = new SequenceLayout[plans.Count];
        for (int sample = 0; sample < plans.Count; sample++)
        {
            SequenceLayout all = state.Layout(sample);
            int[] running = plans[sample] switch
            {
                LayerRoute.All => [.. Enumerable.Range(0, all.Count)],
                LayerRoute.Subset subset => subset.Rows,
                _ => [],
            };
            layouts[sample] = all.Keep(running);
            if (plans[sample] is LayerRoute.Subset { Positions: { } positions })
            {
                layouts[sample] = layouts[sample].WithPositions(positions);
            }

            rows.AddRange(running.Select(row => state.Offsets[sample] + row));
        }

        return ([.. rows], layouts);
    }

    private BranchScales Scales(ForwardState state, IReadOnlyList<LayerRoute> plans)
        => new(Joined(state, plans, subset => subset.AttentionScale), Joined(state, plans, subset => subset.FeedForwardScale));

    // Per-row factors of all samples' running rows as [rows, 1]; consumes the plans' tensors.
    private Tensor? Joined(ForwardState state, IReadOnlyList<LayerRoute> plans, Func<LayerRoute.Subset, Tensor?> factor)
    {
        if (!plans.OfType<LayerRoute.Subset>().Any(subset => factor(subset) is not null))
        {
            return null;
        }

        using TorchSharp.DisposeScope scope = NewDisposeScope();
        List<Tensor> parts = [];
        for (int sample = 0; sample < plans.Count; sample++)
        {
            int running = plans[sample] switch
            {
                LayerRoute.All => state.Layout(sample).Count,
                LayerRoute.Subset subset => subset.Rows.Length,
                _ => 0,
            };
            if (plans[sample] is LayerRoute.Subset own && factor(own) is { } given)
            {
                parts.Add(given.to(ops.Type, ops.Device).view(-1, 1));
                if (!ops.Differentiable)
                {
                    given.Dispose();
                }
            }
            else if (running > 0)
            {
                parts.Add(ones(running, 1, dtype: ops.Type, device: ops.Device));
            }
        }

        return cat(parts, 0).MoveToOuterDisposeScope();
    }

    private static Tensor Fitting(Tensor input, Tensor rows)
        => RowForm.Of(rows).Misfit(input, "rows to the feed-forward network", null, anyFloat: true) is { } wrong
            ? throw new ApertureException($"{wrong}.")
            : input;

    private void Hold(Tensor? factor)
    {
        if (factor is not null)
        {
            call.Hold(factor);
        }
    }

    private Tensor Index(int[] rows) => tensor([.. rows.Select(row => (long)row)], device: ops.Device);
}
