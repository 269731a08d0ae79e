using Aperture.Models;
using Aperture.Vision;
using Aperture.Weights;

namespace Aperture.Plugins.FlashSloth.Family;

/// <summary>Finds out how large a FlashSloth's vision tower is: the checkpoint holds the tower without its configuration.</summary>
internal static class FlashSlothTower
{
    /// <summary>What stands before the tower's names.</summary>
    public const string Prefix = "model.vision_tower.vision_tower.vision_model.";

    /// <summary>SigLIP-so400m at 384 pixels in patches of 14.</summary>
    public static VisionTransformerConfig So400M { get; } = SiglipVision.Defaults with
    {
        HiddenSize = 1152,
        IntermediateSize = 4304,
        Layers = 27,
        Heads = 16,
        ImageSize = 384,
        PatchSize = 14,
    };

    /// <summary>The tower's sizes: the file's own, those of the folder that a user or the file names, or so400m's where the width is that tower's.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="source">The checkpoint.</param>
    /// <param name="opening">May name the folder of the base tower.</param>
    /// <exception cref="ApertureException">The checkpoint has no tower, or nothing says its sizes.</exception>
    public static VisionTransformerConfig Find(FlashSlothConfig config, IWeightSource source, ModelOpening opening)
    {
        const string Patches = Prefix + "embeddings.patch_embedding.weight";
        if (!source.Contains(Patches))
        {
            throw new ApertureException($"The checkpoint holds no vision tower ({Patches}); fetch it again, the published ones hold one.");
        }

        int width = (int)source.Describe(Patches).Shape[0];
        string? folder = opening.Tower ?? (config.TowerName is { Length: > 0 } name ? opening.FindRepository(name) : null);
        VisionTransformerConfig tower = config.Vision is { } own && opening.Tower is null ? own
            : folder is not null ? Read(folder)
            : width == So400M.HiddenSize ? So400M
            : throw new ApertureException(
                $"The checkpoint's vision tower is {width} wide, not {So400M.HiddenSize} as SigLIP-so400m; name the folder of its base as the tower option, or "
                + "put its sizes into config.json as vision_config.");
        return tower.HiddenSize == width
            ? tower
            : throw new ApertureException(
                $"The checkpoint's vision tower is {width} wide, but its configuration says {tower.HiddenSize}; name the folder of the right base tower.");
    }

    private static VisionTransformerConfig Read(string folder)
    {
        string path = Path.Combine(folder, ModelFolder.ConfigFile);
        return SiglipVision.Parse(ModelFolder.ReadJson(path), path);
    }
}
