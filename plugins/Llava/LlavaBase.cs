using Aperture.Models;
using Aperture.Weights;

namespace Aperture.Plugins.Llava;

/// <summary>
/// The decoder under a checkpoint of the first training stage, which holds the projector and what was trained beside it, but not the language model
/// (<c>mm_projector.bin</c>).
/// </summary>
internal static class LlavaBase
{
    private const string Embedding = "embed_tokens.weight", Projector = "mm_projector";

    /// <summary>The checkpoint over the language model that it was trained on, if it holds none itself.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="folder">Its folder; its configuration names the language model (<c>_name_or_path</c>).</param>
    /// <param name="opening">Finds repositories; keeps what is opened.</param>
    /// <returns>All weights; <paramref name="source"/> itself where nothing is missing.</returns>
    /// <exception cref="ApertureException">The language model is named nowhere, or is not on this machine.</exception>
    public static IWeightSource Under(IWeightSource source, ModelFolder folder, ModelOpening opening)
    {
        bool Has(string part) => source.Names.Any(name => name.Contains(part, StringComparison.Ordinal));
        if (Has(Embedding) || !Has(Projector))
        {
            return source;
        }

        ConfigReader config = new(folder.Json(ModelFolder.ConfigFile), folder.At(ModelFolder.ConfigFile));
        string name = config.Text("_name_or_path", null)
            ?? throw new ApertureException(
                $"'{folder.Path}' holds a projector without a language model, and config.json does not name the one it was trained on (_name_or_path); add "
                + "it.");
        string shortName = name[(name.LastIndexOf('/') + 1)..], parent = Path.GetDirectoryName(folder.Path) ?? folder.Path;
        string[] places = [name, Path.Combine(folder.Path, shortName), Path.Combine(parent, shortName)];
        string found = opening.FindRepository(name) ?? Array.Find(places, place => Directory.Exists(place) && Path.GetFullPath(place) != folder.Path)
            ?? throw new ApertureException(
                $"'{folder.Path}' holds a projector trained on '{name}', which is neither in nor beside the folder; fetch it with 'aperture pull {name}'.");
        return new CombinedWeights([opening.Keep(WeightFiles.Open(found)), source], ownsSources: false);
    }
}
