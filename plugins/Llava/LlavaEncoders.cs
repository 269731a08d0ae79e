using Aperture.Models;
using Aperture.Weights;

namespace Aperture.Plugins.Llava;

/// <summary>Looks for the vision encoders of models of LLaVA's shape that are none of CLIP's: other plugins offer them.</summary>
internal static class LlavaEncoders
{
    // Models with two towers name them in their configurations, and keep what joins the towers under these names.
    private const string TwoTowers = "llava-hr", Joins = "model.vision_tower.align_stages";

    private static readonly string[] _towers = ["model.vision_tower.", "vision_tower."];

    /// <summary>Opens the encoder that another plugin offers.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="source">The checkpoint.</param>
    /// <param name="keys">Where it keeps its parts.</param>
    /// <param name="folder">Its folder.</param>
    /// <param name="opening">Asks the plugins; keeps what is opened.</param>
    /// <returns>The encoder; null where the checkpoint has a CLIP tower, or none.</returns>
    /// <exception cref="ApertureException">The checkpoint has two towers and no enabled plugin opens them.</exception>
    public static VisionEncoderParts? Find(LlavaConfig config, IWeightSource source, LlavaKeys keys, ModelFolder folder, ModelOpening opening)
        => Find(config, new EncoderCheckpoint(new ConfigReader(folder.Json(ModelFolder.ConfigFile), folder.At(ModelFolder.ConfigFile)), source, folder.Path),
            keys, opening);

    /// <summary>Opens the encoder that another plugin offers.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="checkpoint">What the checkpoint tells about it.</param>
    /// <param name="keys">Where the checkpoint keeps its parts.</param>
    /// <param name="opening">Asks the plugins; keeps what is opened.</param>
    /// <returns>The encoder; null where the checkpoint has a CLIP tower, or none.</returns>
    /// <exception cref="ApertureException">The checkpoint has two towers and no enabled plugin opens them.</exception>
    public static VisionEncoderParts? Find(LlavaConfig config, EncoderCheckpoint checkpoint, LlavaKeys keys, ModelOpening opening)
    {
        IWeightSource source = checkpoint.Weights;
        bool two = config.TwoTowers ?? source.Names.Any(name => name.StartsWith(Joins, StringComparison.Ordinal));
        bool other = keys.Tower is null && source.Names.Any(name => Array.Exists(_towers, tower => name.StartsWith(tower, StringComparison.Ordinal)));
        if (!two && !other)
        {
            return null; // nobody else is asked, and no other plugin loaded, for a plain LLaVA
        }

        opening.Policy(source.Describe(keys.Decoder + "embed_tokens.weight").ScalarType);
        return opening.Encoders.Find(checkpoint, opening) ?? (two ? opening.Encoders.Open(TwoTowers, checkpoint, opening) : null);
    }
}
