using System.Text.Json;
using Aperture.Generation;

namespace Aperture.Models;

/// <summary>The generation settings of a checkpoint's folder.</summary>
public static class GenerationSettings
{
    private const string File = "generation_config.json", End = "eos_token_id";

    /// <summary>
    /// Reads <c>generation_config.json</c>, or where there is none the same keys of <c>config.json</c>, as transformers does. The end of an answer stands in
    /// either, or in the decoder's part of <c>config.json</c>.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="tell">Told what is set and not done.</param>
    /// <exception cref="ApertureException">A value has the wrong type or range.</exception>
    public static GenerationOptions Read(ModelFolder folder, Action<string> tell)
    {
        string config = folder.At(ModelFolder.ConfigFile);
        GenerationOptions? own = folder.Config is { ValueKind: JsonValueKind.Object } root ? GenerationOptions.Parse(root, config) : null;
        if (own is { EndOfSequence.Count: 0 } && folder.Config!.Value.TryGetProperty("text_config", out JsonElement text)
            && text.ValueKind == JsonValueKind.Object && text.TryGetProperty(End, out _))
        {
            own = own with { EndOfSequence = GenerationOptions.Parse(text, $"{config}: text_config").EndOfSequence };
        }

        if (!folder.Has(File))
        {
            return own ?? new GenerationOptions();
        }

        JsonElement json = folder.Settings(File);
        GenerationOptions said = GenerationOptions.Parse(json, folder.At(File));
        KnownSettings.Generation.Tell(json, folder.At(File), tell);
        return said.EndOfSequence.Count > 0 || own is null ? said : said with { EndOfSequence = own.EndOfSequence };
    }
}
