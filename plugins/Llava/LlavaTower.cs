using System.Text.Json;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Vision;
using Aperture.Weights;

namespace Aperture.Plugins.Llava;

/// <summary>The vision tower of a checkpoint: inside it, or in a folder of its own.</summary>
/// <param name="Config">Sizes.</param>
/// <param name="Weights">The weights; borrowed.</param>
/// <param name="Prefix">What stands before <c>embeddings</c>.</param>
internal sealed record LlavaTower(VisionTransformerConfig Config, IWeightSource Weights, string Prefix)
{
    private const string ConfigFile = "config.json";

    /// <summary>Finds the tower.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <param name="config">Its configuration.</param>
    /// <param name="source">Its weights.</param>
    /// <param name="keys">Where it keeps its parts.</param>
    /// <param name="opening">May name the tower's folder; keeps what is opened.</param>
    /// <exception cref="ApertureException">It is nowhere.</exception>
    public static LlavaTower Find(string folder, LlavaConfig config, IWeightSource source, LlavaKeys keys, ModelOpening opening)
    {
        if (keys.Tower is { } inside && config.Vision is { } vision)
        {
            return new LlavaTower(vision, source, inside);
        }

        if (keys.Tower is { } trained && opening.Tower is null && Nearby(folder, config.TowerName, opening) is null)
        {
            return new LlavaTower(LlavaTowerShape.Read(source, trained, folder), source, trained);
        }

        string tower = opening.Tower ?? FolderOf(folder, config.TowerName, opening), path = Path.Combine(tower, ConfigFile);
        if (!File.Exists(path))
        {
            throw new ApertureException(
                $"Tower folder '{tower}' has no config.json; name the folder of the CLIP checkpoint "
                + $"({config.TowerName ?? "openai/clip-vit-large-patch14-336"}).");
        }

        JsonElement json = ModelFolder.ReadJson(path);
        VisionTransformerConfig parsed = ClipVision.Parse(json, path);
        if (keys.Tower is { } own)
        {
            return new LlavaTower(parsed, source, own);
        }

        IWeightSource weights = opening.Keep(WeightFiles.Open(tower));
        return new LlavaTower(parsed, weights, weights.Contains("vision_model.embeddings.class_embedding") ? "vision_model." : "");
    }

    /// <summary>A tower whose weights are given.</summary>
    /// <param name="config">The configuration, with the tower's sizes.</param>
    /// <param name="keys">Where the checkpoint keeps its parts.</param>
    /// <param name="source">The checkpoint.</param>
    /// <param name="tower">Weights of a tower that is not inside; null where it is.</param>
    /// <exception cref="ApertureException">The configuration does not say the tower's sizes.</exception>
    public static LlavaTower Of(LlavaConfig config, LlavaKeys keys, IWeightSource source, IWeightSource? tower = null)
        => new(
            config.Vision ?? throw new ApertureException("The configuration names no vision tower's sizes (vision_config)."), tower ?? source,
            keys.Tower ?? "vision_model.");

    // In the checkpoint's folder, beside it, or fetched from the hub.
    private static string FolderOf(string folder, string? tower, ModelOpening opening)
    {
        if (string.IsNullOrWhiteSpace(tower))
        {
            throw new ApertureException(
                $"The checkpoint '{folder}' holds no vision tower and config.json names none (mm_vision_tower); give its folder as the tower option.");
        }

        return Nearby(folder, tower, opening) ?? throw new ApertureException(
                $"The vision tower '{tower}' of '{folder}' is neither in nor beside the folder; fetch it with 'aperture pull {tower}' or give its folder as "
                + "the tower option.");
    }

    // Null where it is on this machine in none of the usual places.
    private static string? Nearby(string folder, string? tower, ModelOpening opening)
    {
        if (string.IsNullOrWhiteSpace(tower))
        {
            return null;
        }

        string shortName = tower[(tower.LastIndexOf('/') + 1)..], parent = Path.GetDirectoryName(folder) ?? folder;
        string[] places = [tower, Path.Combine(folder, "clip"), Path.Combine(folder, shortName), Path.Combine(parent, shortName)];
        return opening.FindRepository(tower) ?? places.FirstOrDefault(Directory.Exists);
    }
}
