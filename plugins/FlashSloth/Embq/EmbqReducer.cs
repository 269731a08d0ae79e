using Aperture.Decoding;
using Aperture.Sequences;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Plugins.FlashSloth.Embq;

/// <summary>
/// Embedded queries for a model without a place for them in its prompts: learned rows stand behind each picture's tokens and are updated before one layer from
/// the question behind them and the raw patches of the picture.
/// </summary>
/// <param name="queries">The learned rows; owned.</param>
/// <param name="block">The block; owned.</param>
/// <param name="layer">The layer before which they are updated.</param>
internal sealed class EmbqReducer(TypedWeights<LearnedQueries> queries, TypedWeights<EmbeddedQuery> block, int layer) : ITokenReducer
{
    private readonly QueryUpdate _update = new(EmbqFactory.MethodName, block, QueryGroup.BehindPicture);

    public string Name => EmbqFactory.MethodName;

    public void Declare(IReducerSites sites)
    {
        if (layer >= sites.Decoder.Layers)
        {
            throw new ApertureException($"{Name}: Layer is {layer}, but {sites.Decoder.Model} has layers 0 to {sites.Decoder.Layers - 1}; give one of them.");
        }

        sites.BeforeProjector((context, features) =>
        {
            QueryUpdate.Share(context, features.Tokens);
            return features;
        });
        sites.BeforeDecoder((_, tokens) => WithQueries(tokens));
        sites.BeforeLayer(layer, DecoderPhase.Prefill | DecoderPhase.Train, _update.Run);
    }

    public void Dispose()
    {
        queries.Dispose();
        block.Dispose();
    }

    // [V, H] -> [V + Q, H]
    private VisualTokens WithQueries(VisualTokens tokens)
    {
        Tensor rows = queries.For(tokens.Rows).Rows;
        int count = (int)rows.size(0);
        VisualSegment segment = new(count) { Kind = SpanKind.LearnedQuery, Places = [.. Enumerable.Repeat(-1, count)] };
        using (tokens)
        {
            return new VisualTokens(cat([tokens.Rows, rows], 0), [.. tokens.Segments, segment]);
        }
    }
}
