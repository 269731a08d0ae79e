using Aperture.Decoding;
using Aperture.Vision;
using static TorchSharp.torch;

namespace MyMethod;

/// <summary>Keeps the share of an image's tokens with the largest norm, in their order, before they enter the decoder.</summary>
internal sealed class MyMethodReducer(MyMethodOptions options) : ITokenReducer
{
    public string Name => MyMethodFactory.MethodName;

    public void Declare(IReducerSites sites) => sites.BeforeDecoder(Reduce);

    public void Dispose()
    {
    }

    // The hook owns what it is given: it returns it unchanged, or disposes it and returns something new.
    internal VisualTokens Reduce(VisualTokens tokens)
    {
        int count = tokens.Places.Length;
        int keep = Math.Max(1, (int)Math.Round(count * options.Keep));
        if (keep >= count)
        {
            return tokens;
        }

        using (tokens)
        using (NewDisposeScope()) // Disposes every tensor made below, but for the one that is moved out.
        {
            Tensor norms = tokens.Rows.to(ScalarType.Float32).norm(1); // [tokens, d] -> [tokens]
            Tensor kept = norms.topk(keep).indexes.sort().Values; // [keep], ascending
            int[] rows = [.. kept.data<long>().ToArray().Select(row => (int)row)];
            return new VisualTokens(tokens.Rows.index_select(0, kept).MoveToOuterDisposeScope(), tokens.Grid, [.. rows.Select(row => tokens.Places[row])])
            {
                Sources = tokens.Sources is { } sources ? [.. rows.Select(row => sources[row])] : null,
            };
        }
    }
}
