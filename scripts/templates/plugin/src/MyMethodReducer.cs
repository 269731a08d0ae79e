using Aperture.Decoding;
using Aperture.Vision;
using static TorchSharp.torch;

namespace MyMethod;

/// <summary>Keeps the share of an image's tokens with the largest norm, in their order, before they enter the decoder.</summary>
internal sealed class MyMethodReducer(MyMethodOptions options) : ITokenReducer
{
    public string Name => MyMethodFactory.MethodName;

    public void Declare(IReducerSites sites) => sites.BeforeDecoder((_, tokens) => Reduce(tokens));

    public void Dispose()
    {
    }

    // The hook owns what it is given: it returns it unchanged, or disposes it and returns something new.
    internal VisualTokens Reduce(VisualTokens tokens)
    {
        int count = tokens.Count;
        int keep = Math.Max(1, (int)Math.Round(count * options.Keep));
        if (keep >= count)
        {
            return tokens;
        }

        int[] kept;
        using (NewDisposeScope()) // Disposes every tensor made below.
        {
            Tensor norms = tokens.Rows.to(ScalarType.Float32).norm(1); // [tokens, d] -> [tokens]
            kept = [.. norms.topk(keep).indexes.sort().Values.cpu().data<long>().ToArray().Select(row => (int)row)]; // [keep], ascending
        }

        return tokens.Keep(kept);
    }
}
