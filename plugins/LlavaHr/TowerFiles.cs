using Aperture.Models;
using Aperture.Vision;
using Aperture.Weights;

namespace Aperture.Plugins.LlavaHr;

/// <summary>
/// The weights of an encoder. Published models hold all of them; a checkpoint of the first stage holds the last step alone, and its towers are the ones that it
/// was trained on.
/// </summary>
internal static class TowerFiles
{
    // The first stage's code hands the tower's name to timm as a flag, which then takes the architecture's usual weights instead of the named ones.
    private const string UsualLarge = "convnext_large_mlp.clip_laion2b_soup_ft_in12k_in1k_320", UsualExtra = "convnext_xxlarge.clip_laion2b_soup_ft_in1k";
    private const string ClipPrefix = "vision_model.";

    /// <summary>The checkpoint with towers that it does not hold itself.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="opening">Finds repositories, may name CLIP's folder, keeps what is opened.</param>
    /// <returns>All weights and where they are.</returns>
    /// <exception cref="ApertureException">There is no high-resolution encoder in it, or a tower is nowhere.</exception>
    public static (IWeightSource Weights, LlavaHrKeys Keys) Complete(EncoderCheckpoint checkpoint, ModelOpening opening)
    {
        LlavaHrKeys keys = LlavaHrKeys.Find(checkpoint.Weights)
            ?? throw LlavaHrFactory.Error(
                $"{checkpoint.Config.Where} says is_multipath_encoder, but the checkpoint has no high-resolution weights "
                + $"({LlavaHrKeys.Published}align_stages.* "
                + "or slow_vision_tower.*); fetch the whole checkpoint, or set is_multipath_encoder to false");
        List<IWeightSource> sources = [];
        if (!checkpoint.Weights.Contains(keys.Slow + "stem.0.weight"))
        {
            sources.Add(Slow(checkpoint, keys, opening));
        }

        if (!checkpoint.Weights.Contains(keys.Fast + "embeddings.patch_embedding.weight"))
        {
            sources.Add(Fast(checkpoint, keys, opening));
        }

        return sources.Count == 0 ? (checkpoint.Weights, keys) : (new CombinedWeights([.. sources, checkpoint.Weights], ownsSources: false), keys);
    }

    private static IWeightSource Slow(EncoderCheckpoint checkpoint, LlavaHrKeys keys, ModelOpening opening)
    {
        string name = checkpoint.Config.Text("vision_tower_slow", null)
            ?? throw LlavaHrFactory.Error(
                $"the checkpoint has no high-resolution weights ({keys.Slow}*) and config.json names no tower (vision_tower_slow); fetch the whole checkpoint");
        string usual = name.Contains("xxlarge", StringComparison.OrdinalIgnoreCase) ? UsualExtra : UsualLarge;
        string folder = Folder(checkpoint, opening, [$"timm/{usual}", usual, $"timm/{name}", name])
            ?? throw LlavaHrFactory.Error(
                $"the checkpoint has no high-resolution weights ({keys.Slow}*), and the tower it was trained on is neither in nor beside its folder; fetch it "
                + $"with 'aperture pull timm/{usual}', or fetch the whole checkpoint");
        IWeightSource file = opening.Keep(WeightFiles.Open(folder));
        return ConvNextNames.View(file).WithPrefix(keys.Slow);
    }

    private static IWeightSource Fast(EncoderCheckpoint checkpoint, LlavaHrKeys keys, ModelOpening opening)
    {
        string name = checkpoint.Config.Text("mm_vision_tower", null) ?? "openai/clip-vit-large-patch14-336";
        string folder = opening.Tower ?? Folder(checkpoint, opening, [name])
            ?? throw LlavaHrFactory.Error(
                $"the checkpoint has no low-resolution tower ({keys.Fast}*), and '{name}' is neither in nor beside its folder; fetch it with "
                + $"'aperture pull {name}' or give its folder as the tower option");
        IWeightSource file = opening.Keep(WeightFiles.Open(folder));
        IWeightSource tower = file.Contains(ClipPrefix + "embeddings.patch_embedding.weight") ? file.Under(ClipPrefix) : file;
        return tower.WithPrefix(keys.Fast);
    }

    // In the checkpoint's folder, beside it, or fetched from the hub; the names in order.
    private static string? Folder(EncoderCheckpoint checkpoint, ModelOpening opening, string[] names)
    {
        foreach (string name in names)
        {
            string shortName = name[(name.LastIndexOf('/') + 1)..];
            string[] places = checkpoint.Folder.Length == 0
                ? [name]
                : [name, Path.Combine(checkpoint.Folder, shortName), Path.Combine(Path.GetDirectoryName(checkpoint.Folder) ?? checkpoint.Folder, shortName)];
            if ((opening.FindRepository(name) ?? Array.Find(places, Directory.Exists)) is { } found)
            {
                return found;
            }
        }

        return null;
    }
}
