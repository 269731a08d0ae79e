using System.Globalization;
using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;

namespace Aperture.Plugins.FitPrune;

/// <summary>The recipes published with the official code, and one of zeros a model.</summary>
internal static class OfficialRecipes
{
    private const string Resource = "official.json";

    /// <summary>All of them, by model in the order of the resource, then by ratio.</summary>
    public static IReadOnlyList<Recipe> All()
    {
        using Stream stream = typeof(OfficialRecipes).Assembly.GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException($"The resource {Resource} is missing.");
        Content content = JsonSerializer.Deserialize(stream, FilesJson.Default.Content)
            ?? throw new InvalidOperationException($"The resource {Resource} is empty.");
        return
        [
            .. from model in content.Models
               from recipe in model.Recipes
               select Make(model, int.Parse(recipe.Key, CultureInfo.InvariantCulture), recipe.Value),
        ];
    }

    /// <summary>The name of a recipe, such as <c>llava-v1.5-7b/60</c>.</summary>
    public static string NameOf(Recipe recipe) => $"{recipe.Model}/{Math.Round(recipe.TargetReduction * 100)}";

    /// <summary>
    /// The recipes made for a decoder of these sizes: layers and widths must agree, and so must the visual tokens, where a model with a varying number takes
    /// LLaVA-NeXT's.
    /// </summary>
    public static IReadOnlyList<Recipe> For(DecoderInfo decoder)
    {
        List<Recipe> sameDecoder =
        [
            .. All().Where(r => r.Layers == decoder.Layers && r.Hidden == decoder.HiddenSize && r.Intermediate == decoder.IntermediateSize),
        ];
        int tokens = decoder.VisualTokens == 0 && sameDecoder.Count > 0 ? sameDecoder.Max(r => r.BaseVisualTokens) : decoder.VisualTokens;
        return [.. sameDecoder.Where(r => r.BaseVisualTokens == tokens)];
    }

    private static Recipe Make(ModelRecipes model, int percent, int[] delete)
    {
        Recipe recipe = new()
        {
            Model = model.Model,
            Layers = model.Layers,
            BaseVisualTokens = model.BaseVisualTokens,
            Hidden = model.Hidden,
            Intermediate = model.Intermediate,
            TargetReduction = percent / 100.0,
            Delete = delete,
            Source = "official",
        };
        return (recipe with
        {
            RealisedReduction = ReferenceFlops.VisualReduction(recipe),
            Origin = $"official recipe {NameOf(recipe)}",
        }).Checked();
    }

    internal sealed record Content(ModelRecipes[] Models);

    internal sealed record ModelRecipes(string Model, int Layers, int BaseVisualTokens, int Hidden, int Intermediate, Dictionary<string, int[]> Recipes);
}
