using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>Replaces or edits rows before a layer.</summary>
/// <param name="context">The layer.</param>
/// <param name="rows">Packed rows <c>[rows, d]</c>, borrowed. Outside training a hook may write to them in place and return null.</param>
/// <returns>
/// The rows that enter the layer instead: as many, <c>[rows, d]</c>, in any floating-point type. The host takes them over and disposes them. Null keeps what
/// was given.
/// </returns>
public delegate Tensor? BeforeLayerHook(ILayerContext context, Tensor rows);

/// <summary>Chooses how each sample passes a layer.</summary>
/// <param name="context">The layer.</param>
/// <param name="rows">Packed layer input x <c>[rows, d]</c>, borrowed.</param>
/// <param name="normed">Packed first norm of it <c>[rows, d]</c>, borrowed.</param>
/// <returns>One plan a sample.</returns>
public delegate IReadOnlyList<LayerRoute> RouteHook(ILayerContext context, Tensor rows, Tensor normed);

/// <summary>Transforms what attention reads.</summary>
/// <param name="context">The layer.</param>
/// <param name="normed">Packed normalised rows <c>[rows, d]</c>, borrowed.</param>
/// <returns>The replacement, or null to change nothing.</returns>
public delegate AttentionInput? BeforeAttentionHook(ILayerContext context, Tensor normed);

/// <summary>Chooses the rows that go on after attention, before the output projection. The layer's own cache keeps all rows.</summary>
/// <param name="context">The layer.</param>
/// <param name="statistics">The layer's attention map, computed on demand.</param>
/// <returns>The rows that go on, or null for all.</returns>
public delegate RowSelection? AfterAttentionHook(ILayerContext context, IAttentionStatistics statistics);

/// <summary>Chooses the rows that go on after a layer; later layers and their caches never see the others.</summary>
/// <param name="context">The layer.</param>
/// <param name="rows">Packed output rows <c>[rows, d]</c>, borrowed.</param>
/// <param name="statistics">The layer's attention map, if asked for and if the layer attended; else null.</param>
/// <returns>The rows that go on, or null for all.</returns>
public delegate RowSelection? AfterLayerHook(ILayerContext context, Tensor rows, IAttentionStatistics? statistics);

/// <summary>Says in how many rows at most the encoder is to look at a picture.</summary>
/// <param name="context">The picture and its request.</param>
/// <param name="rows">Rows of the picture that would enter the decoder.</param>
/// <returns>The most rows that may, 1 or more; as many as would, or more, for the picture as it is.</returns>
public delegate int BeforeEncoderHook(IPictureContext context, int rows);

/// <summary>Reduces a picture's features before the projector.</summary>
/// <param name="context">The picture and its request.</param>
/// <param name="features">The features of one picture; the hook takes ownership and gives its result's away.</param>
public delegate VisionFeatures BeforeProjectorHook(IPictureContext context, VisionFeatures features);

/// <summary>Reduces a picture's projected tokens before they enter the decoder.</summary>
/// <param name="context">The picture and its request.</param>
/// <param name="tokens">The tokens of one picture; the hook takes ownership and gives its result's away.</param>
public delegate VisualTokens BeforeDecoderHook(IPictureContext context, VisualTokens tokens);
