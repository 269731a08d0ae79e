using Aperture.Decoding;
using Aperture.Plugins.FlashSloth.Embq;
using Aperture.Plugins.FlashSloth.Sap;

namespace Aperture.Plugins.FlashSloth;

/// <summary>
/// FlashSloth's two modules together, as its checkpoints were trained: patches are pooled before the projector, and the queries behind each question look at
/// the raw patches before one layer.
/// </summary>
/// <param name="options">The options.</param>
/// <param name="pooling">Weights of the pooling; owned. Null where patches are not pooled by weights.</param>
/// <param name="block">The queries' block; owned. Null where queries are not updated.</param>
/// <param name="dropout">In training; null for none.</param>
internal sealed class FlashSlothReducer(
    FlashSlothOptions options, TypedWeights<SpatialPooling>? pooling, TypedWeights<EmbeddedQuery>? block, SeededDropout? dropout = null) : ITokenReducer
{
    public string Name => FlashSlothFactory.MethodName;

    public void Declare(IReducerSites sites)
    {
        bool pools = options.PoolMode != PoolMode.None && options.PoolSize > 1;
        PoolStage stage = new(FlashSlothFactory.MethodName, pooling, options.PoolSize, dropout);
        if (block is not null && options.InjectLayer >= sites.Decoder.Layers)
        {
            throw new ApertureException(
                $"{Name}: InjectLayer is {options.InjectLayer}, but {sites.Decoder.Model} has layers 0 to {sites.Decoder.Layers - 1}; give one of them.");
        }

        if (pools || block is not null)
        {
            sites.BeforeProjector((context, features) =>
            {
                if (block is not null)
                {
                    QueryUpdate.Share(context, features.Tokens);
                }

                return pools ? stage.Run(context, features) : features;
            });
        }

        if (block is not null)
        {
            QueryUpdate update = new(FlashSlothFactory.MethodName, block, (layout, labels) => QueryGroup.Of(layout, options.QuestionRange, labels));
            // the first turn is not in a later one
            DecoderPhase turns = options.QuestionRange == QuestionRange.PerTurn ? DecoderPhase.Append : DecoderPhase.None;
            sites.BeforeLayer(options.InjectLayer, DecoderPhase.Prefill | DecoderPhase.Train | turns, update.Run);
        }
    }

    public void Dispose()
    {
        pooling?.Dispose();
        block?.Dispose();
    }
}
