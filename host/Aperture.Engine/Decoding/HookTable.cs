using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>
/// The compiled hooks of a pipeline: for each phase and layer the delegates to call, or null. A layer with nothing in its row runs the plain path.
/// </summary>
public sealed class HookTable
{
    private readonly Dictionary<DecoderPhase, LayerHooks?[]> _rows;

    internal HookTable(
        Dictionary<DecoderPhase, LayerHooks?[]> rows, IReadOnlyList<BeforeProjectorHook> beforeProjector, IReadOnlyList<BeforeDecoderHook> beforeDecoder,
        VisionTrunkHooks? vision, IReadOnlyList<IDecoderMethod> methods, IReadOnlySet<int> withoutAttention)
    {
        _rows = rows;
        BeforeProjector = beforeProjector;
        BeforeDecoder = beforeDecoder;
        Vision = vision;
        Methods = methods;
        LayersWithoutAttention = withoutAttention;
    }

    /// <summary>The methods, in the order given.</summary>
    public IReadOnlyList<IDecoderMethod> Methods { get; }

    /// <summary>Who says in how many rows the encoder looks at a picture, in the order given.</summary>
    internal IReadOnlyList<EncoderHook> BeforeEncoder { get; init; } = [];

    /// <summary>Hooks on raw vision features.</summary>
    public IReadOnlyList<BeforeProjectorHook> BeforeProjector { get; }

    /// <summary>Hooks on projected tokens.</summary>
    public IReadOnlyList<BeforeDecoderHook> BeforeDecoder { get; }

    /// <summary>Callbacks inside the vision tower; null for none.</summary>
    public VisionTrunkHooks? Vision { get; }

    /// <summary>The callbacks inside the vision tower as the method declared them: what was seen through them belongs to them. Null for none.</summary>
    internal VisionTrunkHooks? DeclaredVision { get; init; }

    /// <summary>Whether a method has a say in how pictures are seen.</summary>
    internal bool Sees => BeforeEncoder.Count > 0 || Vision is not null;

    /// <summary>Layers that never attend: their attention weights are not needed.</summary>
    public IReadOnlySet<int> LayersWithoutAttention { get; }

    /// <summary>The methods that act on a prompt and not on rows that are appended to it.</summary>
    internal IReadOnlyList<PromptOnlyMethod> PromptOnly { get; init; } = [];

    /// <summary>Whether keys and values of a prompt's first rows may serve a later prompt that begins alike: every method says so.</summary>
    internal bool KeepsPrefixes { get; init; }

    /// <summary>The same hooks, each timed by a clock that acts on the way to the first token: on pictures, before the decoder and in the prefill.</summary>
    /// <param name="clock">Where the time is added up.</param>
    public HookTable Timed(HookClock clock) => new(
        _rows.ToDictionary(
            phase => phase.Key,
            phase => phase.Key == DecoderPhase.Prefill || clock.Stages is not null ? phase.Value.Select(row => row?.Timed(clock)).ToArray() : phase.Value),
        [.. BeforeProjector.Select(hook => (BeforeProjectorHook)((context, features) => clock.Time(() => hook(context, features))))],
        [.. BeforeDecoder.Select(hook => (BeforeDecoderHook)((context, tokens) => clock.Time(() => hook(context, tokens))))],
        Vision is null ? null : Timed(Vision, clock),
        Methods,
        LayersWithoutAttention)
    {
        BeforeEncoder = BeforeEncoder,
        DeclaredVision = DeclaredVision,
        PromptOnly = PromptOnly,
        KeepsPrefixes = KeepsPrefixes,
    };

    /// <summary>The rows of a phase, one a layer; null where no layer is touched.</summary>
    internal LayerHooks?[]? Phase(DecoderPhase phase) => _rows.GetValueOrDefault(phase);

    private static VisionTrunkHooks Timed(VisionTrunkHooks hooks, HookClock clock) => hooks with
    {
        AfterEmbedding = Timed(hooks.AfterEmbedding, clock),
        BeforeBlock = Timed(hooks.BeforeBlock, clock),
        BeforeAttention = Timed(hooks.BeforeAttention, clock),
        AfterBlock = Timed(hooks.AfterBlock, clock),
    };

    private static Func<IVisionContext, Tensor, Tensor?>? Timed(Func<IVisionContext, Tensor, Tensor?>? callback, HookClock clock)
        => callback is null ? null : (context, rows) => clock.Time(() => callback(context, rows));
}
