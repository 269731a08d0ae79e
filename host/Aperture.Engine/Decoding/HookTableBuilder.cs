using Aperture.Models;
using Aperture.Vision;

namespace Aperture.Decoding;

/// <summary>
/// Asks every method what it touches and compiles the hook table. Reducers act before routers at a site, each in the order given.
/// What cannot work together is refused here, naming both methods, the layer and the reason.
/// </summary>
public sealed class HookTableBuilder
{
    private static readonly DecoderPhase[] _phases = [DecoderPhase.Prefill, DecoderPhase.Append, DecoderPhase.Decode, DecoderPhase.Train];
    private readonly DecoderInfo _decoder;
    private readonly List<EncoderHook> _beforeEncoder = [];
    private readonly List<BeforeProjectorHook> _beforeProjector = [];
    private readonly List<BeforeDecoderHook> _beforeDecoder = [];
    private readonly List<(string Method, int Layer, DecoderPhase Phases, object Hook)> _sites = [];
    private readonly List<(string Method, int Layer, DecoderPhase Phases, RouteUse Use)> _routes = [];
    private readonly List<(string Method, int Layer, DecoderPhase Phases)> _needAttention = [];

    private (string Method, VisionTrunkHooks Hooks)? _vision;

    private HookTableBuilder(DecoderInfo decoder) => _decoder = decoder;

    /// <summary>Builds the table of some methods.</summary>
    /// <param name="decoder">Sizes of the decoder.</param>
    /// <param name="methods">The methods, in the order the user gave them.</param>
    /// <exception cref="ApertureException">A method does not fit the model, or two methods cannot work together.</exception>
    public static HookTable Build(DecoderInfo decoder, IReadOnlyList<IDecoderMethod> methods)
    {
        if (methods.OfType<ILayerRouter>().GroupBy(router => router.Name).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new ApertureException($"{twice.Key} and {twice.Key} are one router given twice, and a layer cannot follow both; leave one of them out.");
        }

        if (methods.FirstOrDefault(method => methods.Count(other => ReferenceEquals(other, method)) > 1) is { } same)
        {
            throw new ApertureException($"{same.Name} is given twice as one object, which has one state a request; leave one out, or make a second object.");
        }

        HookTableBuilder builder = new(decoder);
        foreach (ITokenReducer reducer in methods.OfType<ITokenReducer>())
        {
            builder.Ask(reducer.Name, reducer.Declare);
        }

        foreach (ILayerRouter router in methods.OfType<ILayerRouter>())
        {
            builder.Ask(router.Name, router.Declare);
        }

        return builder.Compile(methods);
    }

    private void Ask(string method, Action<Sites> declare)
        => new HookSite(method, "when it says where it acts").Prepare(() =>
        {
            declare(new Sites(this, method));
            return true;
        });

    private HookTable Compile(IReadOnlyList<IDecoderMethod> methods)
    {
        HashSet<int> withoutAttention =
        [
            .. _routes.Where(r => r.Use.HasFlag(RouteUse.NeverAttends) && r.Phases.HasFlag(DecoderPhase.Prefill)).Select(r => r.Layer),
        ];
        RefuseConflicts(withoutAttention);
        RefuseMissingAttention(methods);
        Dictionary<DecoderPhase, LayerHooks?[]> rows = [];
        foreach (DecoderPhase phase in _phases)
        {
            LayerHooks?[] layers = new LayerHooks?[_decoder.Layers];
            for (int layer = 0; layer < layers.Length; layer++)
            {
                layers[layer] = Row(layer, phase, withoutAttention);
            }

            if (layers.Any(row => row is not null))
            {
                rows[phase] = layers;
            }
        }

        return new HookTable(rows, _beforeProjector, _beforeDecoder, Vision(), methods, withoutAttention)
        {
            BeforeEncoder = _beforeEncoder,
            DeclaredVision = _vision?.Hooks,
            PromptOnly = [.. PromptOnly()],
            KeepsPrefixes = methods.All(method => method.KeepsPrefixes) && _sites.TrueForAll(ActsAlike),
        };
    }

    // A kept prompt's rows run in several forwards, of which the first alone finds the cache empty.
    private static bool ActsAlike((string Method, int Layer, DecoderPhase Phases, object Hook) site)
        => site.Phases.HasFlag(DecoderPhase.Prefill) == site.Phases.HasFlag(DecoderPhase.Append);

    // A method may declare a site twice, with a hook for each phase.
    private IEnumerable<PromptOnlyMethod> PromptOnly()
        => _sites
            .Where(site => site.Phases.HasFlag(DecoderPhase.Prefill) && !_sites.Exists(other
                => other.Method == site.Method && other.Layer == site.Layer && other.Hook.GetType() == site.Hook.GetType()
                    && other.Phases.HasFlag(DecoderPhase.Append)))
            .GroupBy(site => site.Method)
            .Select(sites => new PromptOnlyMethod(sites.Key, sites.All(site => site.Hook is AfterAttentionHook or AfterLayerHook)));

    private LayerHooks? Row(int layer, DecoderPhase phase, HashSet<int> withoutAttention)
    {
        T[]? At<T>(Func<(string Method, int Layer, DecoderPhase Phases, object Hook), bool> here)
            where T : class
        {
            T[] hooks = [.. _sites.Where(s => s.Hook is T && s.Phases.HasFlag(phase) && here(s)).Select(s => (T)s.Hook)];
            return hooks.Length == 0 ? null : hooks;
        }

        // A step that falls on a layer without attention is taken at the next layer that has it.
        int Settled(int asked)
        {
            int settled = asked;
            while (settled < _decoder.Layers && withoutAttention.Contains(settled))
            {
                settled++;
            }

            return settled;
        }

        LayerHooks row = new()
        {
            BeforeLayer = At<BeforeLayerHook>(s => s.Layer == layer),
            Route = At<RouteHook>(s => s.Layer == layer),
            BeforeAttention = At<BeforeAttentionHook>(s => s.Layer == layer),
            AfterAttention = At<AfterAttentionHook>(s => Settled(s.Layer) == layer),
            AfterLayer = At<AfterLayerHook>(s => s.Layer == layer),
            AfterLayerNeedsAttention = _needAttention.Any(n => n.Layer == layer && n.Phases.HasFlag(phase)),
        };
        return row == LayerHooks.None ? null : row;
    }

    private VisionTrunkHooks? Vision() => _vision is { } own ? VisionGuard.Guard(own.Method, own.Hooks) : null;

    private void RefuseConflicts(HashSet<int> withoutAttention)
    {
        foreach (IGrouping<int, (string Method, int Layer, DecoderPhase Phases, RouteUse Use)> layer in _routes.GroupBy(r => r.Layer))
        {
            string[] composites = [.. layer.Where(r => r.Use.HasFlag(RouteUse.Composite)).Select(r => r.Method).Distinct()];
            if (composites.Length > 1)
            {
                throw new ApertureException(
                    $"{composites[0]} and {composites[1]} both replace layer {layer.Key}: a layer can have one replacement; give one of them other layers.");
            }
        }

        foreach ((string method, int layer, _) in _needAttention)
        {
            if (_routes.FirstOrDefault(r => r.Layer == layer).Method is { } other)
            {
                throw new ApertureException(
                    $"{method} reads the attention of all rows of layer {layer}, but {other} may not run them all: give one of them another layer.");
            }
        }

        foreach ((string method, int layer, _, object hook) in _sites)
        {
            if (hook is AfterAttentionHook && Enumerable.Range(layer, _decoder.Layers - layer).All(withoutAttention.Contains))
            {
                string other = _routes.First(r => r.Layer == layer && r.Use.HasFlag(RouteUse.NeverAttends)).Method;
                throw new ApertureException(
                    $"{method} acts on the attention of layer {layer}, but {other} leaves no attention from there to the last layer: give one of them other "
                    + "layers.");
            }
        }
    }

    private void RefuseMissingAttention(IReadOnlyList<IDecoderMethod> methods)
    {
        foreach (int layer in _decoder.LayersWithoutAttention)
        {
            DecoderPhase replaced = _routes.Where(r => r.Layer == layer && r.Use.HasFlag(RouteUse.NeverAttends))
                .Aggregate(DecoderPhase.None, (phases, r) => phases | r.Phases);
            if (!replaced.HasFlag(DecoderPhase.All))
            {
                string who = methods.Count == 0
                    ? "no method stands"
                    : $"{string.Join(", ", methods.Select(m => m.Name))} {(methods.Count == 1 ? "does" : "do")} not stand";
                throw new ApertureException(
                    $"{_decoder.Model} has no attention weights in layer {layer}, and {who} in for them: "
                    + "use the method that the checkpoint was trained with, with this layer among its options.");
            }
        }
    }

    private void Add(string method, int layer, DecoderPhase phases, object hook)
    {
        if (layer < 0 || layer >= _decoder.Layers)
        {
            throw new ApertureException($"{method} names layer {layer}, but {_decoder.Model} has layers 0 to {_decoder.Layers - 1}.");
        }

        _sites.Add((method, layer, phases, hook));
    }

    private sealed class Sites(HookTableBuilder builder, string method) : IReducerSites, IRouterSites
    {
        public DecoderInfo Decoder => builder._decoder;

        public void BeforeEncoder(BeforeEncoderHook hook) => builder._beforeEncoder.Add(new EncoderHook(method, hook));

        public void BeforeProjector(BeforeProjectorHook hook) => builder._beforeProjector.Add(HookGuard.Guard(method, hook));

        public void BeforeDecoder(BeforeDecoderHook hook) => builder._beforeDecoder.Add(HookGuard.Guard(method, hook));

        public void BeforeLayer(int layer, DecoderPhase phases, BeforeLayerHook hook)
            => builder.Add(method, layer, phases, HookGuard.Guard(method, layer, hook));

        public void AfterAttention(int layer, DecoderPhase phases, AfterAttentionHook hook)
            => builder.Add(method, layer, phases, HookGuard.Guard(method, layer, hook));

        public void AfterLayer(int layer, DecoderPhase phases, bool needsAttention, AfterLayerHook hook)
        {
            builder.Add(method, layer, phases, HookGuard.Guard(method, layer, hook));
            if (needsAttention)
            {
                builder._needAttention.Add((method, layer, phases));
            }
        }

        public void Route(int layer, DecoderPhase phases, RouteUse use, RouteHook hook)
        {
            builder.Add(method, layer, phases, HookGuard.Guard(method, layer, use, hook));
            builder._routes.Add((method, layer, phases, use));
        }

        public void BeforeAttention(int layer, DecoderPhase phases, BeforeAttentionHook hook)
            => builder.Add(method, layer, phases, HookGuard.Guard(method, layer, hook));

        public void Vision(VisionTrunkHooks hooks)
            => builder._vision = builder._vision is { } other
                ? throw new ApertureException(
                    $"{other.Method} and {method} both act inside the vision tower, which takes the hooks of one method; leave one of them out.")
                : (method, hooks);
    }
}
