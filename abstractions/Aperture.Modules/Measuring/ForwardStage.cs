namespace Aperture.Measuring;

/// <summary>What a request spends its time on, in the order in which a forward comes to it.</summary>
public enum ForwardStage
{
    /// <summary>A picture to what the encoder reads.</summary>
    Preparation,

    /// <summary>The picture encoder.</summary>
    Encoder,

    /// <summary>The projector.</summary>
    Projector,

    /// <summary>Rows of the embedding table.</summary>
    Embedding,

    /// <summary>The decoder's norms.</summary>
    Norm,

    /// <summary>The products that give queries, keys and values.</summary>
    QueryKeyValue,

    /// <summary>Rotary positions.</summary>
    Rotary,

    /// <summary>New keys and values on their way into the cache.</summary>
    Cache,

    /// <summary>Attention itself: logits, softmax, sums of values.</summary>
    Attention,

    /// <summary>The product behind attention.</summary>
    AttentionOutput,

    /// <summary>The first products of the feed-forward network.</summary>
    GateUp,

    /// <summary>The feed-forward network's activation.</summary>
    Activation,

    /// <summary>The last product of the feed-forward network.</summary>
    Down,

    /// <summary>A branch added to the residual, scaled where it is.</summary>
    Residual,

    /// <summary>The output matrix, up to logits in float32.</summary>
    OutputMatrix,

    /// <summary>The choice of the next token.</summary>
    Sampling,

    /// <summary>What methods do in their hooks, without the stages that they call.</summary>
    Method,
}
