using System.Text.Json;
using CsCheck;

namespace Aperture.Engine.Tests.Composition;

/// <summary>A random pipeline over the in-decoder methods, and the prompts it runs on.</summary>
/// <param name="Methods">Names and options as JSON, in order.</param>
/// <param name="Rows">Rows of each prompt: 2 of text, 6 of an image, 2 queries, the rest text.</param>
internal sealed record CompositionDraw(IReadOnlyList<(string Name, string Options)> Methods, int[] Rows)
{
    public override string ToString() => $"[{string.Join(", ", Rows)}] {string.Join(" + ", Methods.Select(m => $"{m.Name} {m.Options}"))}";

    /// <summary>Draws pipelines for a decoder of so many layers.</summary>
    public static Gen<CompositionDraw> Draws(int layers, MethodWeights weights)
    {
        Gen<int[]> someLayers = Gen.Int[0, layers - 1].HashSet[0, layers].Select(set => set.Order().ToArray());
        Gen<(string, string)> fitprune = Gen.Int[0, 2].Array[layers].Select(recipe => ("fitprune", Json(new { Recipe = Limit(recipe, 6) })));
        Gen<(string, string)> dyvte = Gen.OneOf(
            Gen.Int[0, layers - 1].Select(layer => ("dyvte", Json(new { FixedExitLayer = layer }))),
            Gen.Double[0.3, 0.7].Select(threshold => ("dyvte", Json(new { weights.Gates, Threshold = threshold }))));
        Gen<(string, string)> gammaMod = Gen.Select(
            someLayers.Where(chosen => chosen.Length > 0), Gen.Double[0, 0.6], Gen.Double[0, 0.6], (routed, prefill, decode)
            => ("gamma-mod", Json(new { Weights = weights.Routers, Layers = routed, PrefillThreshold = prefill, DecodeThreshold = decode })));
        Gen<(string, string)> eas = Gen.Select(
            someLayers, Gen.Bool.Select(on => on ? "LowRank" : "Off"), Gen.Bool.Select(self => self ? "Self" : "Prefill"), (skipped, merge, pool)
            => ("eas", Json(new { weights.Adapters, SkipLayers = skipped, Merge = merge, DecodePool = merge == "Off" ? pool : "Prefill" })));
        Gen<(string, string)> embq = Gen.Select(Gen.Int[0, layers - 1], Gen.Bool, (layer, fused)
            => ("embq", Json(new { Weights = weights.QueryBlock, Layer = layer, FuseValueProjection = fused })));
        Gen<(string, string)[]> all = Gen.Select(fitprune, dyvte, gammaMod, eas, embq, (f, d, g, e, q) => new[] { f, d, g, e, q });
        return Gen.Select(all, Gen.Shuffle(new[] { 0, 1, 2, 3, 4 }), Gen.Int[0, 5], Gen.Int[11, 18].Array[1, 3], (methods, order, count, rows)
            => new CompositionDraw([.. order.Take(count).Select(i => methods[i])], rows));
    }

    // Recipes must not drop more tokens than there are.
    private static int[] Limit(int[] recipe, int most)
    {
        int left = most;
        return [.. recipe.Select(dropped => Take(Math.Min(dropped, left)))];
        int Take(int count)
        {
            left -= count;
            return count;
        }
    }

    private static string Json(object options) => JsonSerializer.Serialize(options);
}
