using Aperture.Vision;

namespace Aperture.Decoding;

/// <summary>The sites that a token reducer may use. Within a site, methods act in the order they were given.</summary>
public interface IReducerSites
{
    /// <summary>Sizes of the decoder.</summary>
    DecoderInfo Decoder { get; }

    /// <summary>
    /// Says in how many rows at most the encoder is to look at a picture, so that it has less to do itself. Only models whose encoder is an
    /// <see cref="IScaledEncoder"/> can; others are refused when the pipeline is built.
    /// </summary>
    /// <param name="hook">The hook.</param>
    void BeforeEncoder(BeforeEncoderHook hook);

    /// <summary>Reduces raw vision features, one image at a time.</summary>
    /// <param name="hook">The hook.</param>
    void BeforeProjector(BeforeProjectorHook hook);

    /// <summary>Reduces projected tokens, one image at a time.</summary>
    /// <param name="hook">The hook.</param>
    void BeforeDecoder(BeforeDecoderHook hook);

    /// <summary>Replaces hidden rows before a layer, or edits them in place.</summary>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="phases">When to be called.</param>
    /// <param name="hook">The hook.</param>
    void BeforeLayer(int layer, DecoderPhase phases, BeforeLayerHook hook);

    /// <summary>
    /// Drops rows between attention and output projection, with the layer's attention statistics at hand. Where another method leaves the layer without
    /// attention, the step is taken at the next layer that has it.
    /// </summary>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="phases">When to be called.</param>
    /// <param name="hook">The hook.</param>
    void AfterAttention(int layer, DecoderPhase phases, AfterAttentionHook hook);

    /// <summary>Drops rows after a layer.</summary>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="phases">When to be called.</param>
    /// <param name="needsAttention">Whether the hook reads the layer's attention statistics.</param>
    /// <param name="hook">The hook.</param>
    void AfterLayer(int layer, DecoderPhase phases, bool needsAttention, AfterLayerHook hook);
}

/// <summary>The sites that a layer router may use.</summary>
public interface IRouterSites
{
    /// <summary>Sizes of the decoder.</summary>
    DecoderInfo Decoder { get; }

    /// <summary>Chooses how samples pass a layer.</summary>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="phases">When to be called.</param>
    /// <param name="use">What the hook may answer; other answers are refused when they come.</param>
    /// <param name="hook">The hook.</param>
    void Route(int layer, DecoderPhase phases, RouteUse use, RouteHook hook);

    /// <summary>Transforms the normalised rows that attention reads.</summary>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="phases">When to be called.</param>
    /// <param name="hook">The hook.</param>
    void BeforeAttention(int layer, DecoderPhase phases, BeforeAttentionHook hook);

    /// <summary>Acts inside the vision tower, for all pictures. One method of a pipeline may.</summary>
    /// <param name="hooks">The callbacks.</param>
    void Vision(VisionTrunkHooks hooks);
}

/// <summary>What a route hook may answer, so that combinations can be judged when the pipeline is built.</summary>
[Flags]
public enum RouteUse
{
    /// <summary>May skip the layer for some samples.</summary>
    Skip = 1,

    /// <summary>May run a subset of rows.</summary>
    Subset = 2,

    /// <summary>May replace the layer.</summary>
    Composite = 4,

    /// <summary>Every sample is skipped or replaced in every call: the layer has no attention and needs no attention weights.</summary>
    NeverAttends = 8,
}
