using System.Text.Json;
using Aperture.Files;

namespace Aperture.Plugins.GammaMod;

/// <summary>
/// What a published checkpoint's <c>config.json</c> says about gamma-MoD. The stored capacity factor is not read: the official code does not use it either.
/// </summary>
/// <param name="Layers"><c>mod.mod_layers_idx</c>; null where it is absent.</param>
/// <param name="IsMiniGemini">Whether it is the Mini-Gemini variant.</param>
internal sealed record CheckpointSettings(int[]? Layers, bool IsMiniGemini)
{
    /// <summary>Where the layers stand, for messages.</summary>
    public const string LayersPlace = "mod.mod_layers_idx of config.json";

    private const long LargestFile = 16 << 20;

    /// <summary>Reads a model folder; a folder without the file has no settings.</summary>
    /// <exception cref="ApertureException">The file is not JSON, or the layers are not a list of whole numbers.</exception>
    public static CheckpointSettings Read(string? folder)
    {
        string? path = folder is null ? null : Path.Combine(folder, "config.json");
        if (path is null || !File.Exists(path))
        {
            return new CheckpointSettings(null, false);
        }

        if (new FileInfo(path).Length > LargestFile)
        {
            throw GammaModFactory.Error($"'{path}' is larger than a configuration ever is; check the download");
        }

        try
        {
            using JsonDocument json = JsonText.Parse(InputFile.Bytes(path, LargestFile));
            return Parse(json.RootElement, path);
        }
        catch (JsonException error)
        {
            throw new ApertureException(
                $"{GammaModFactory.MethodName}: '{path}' is not valid JSON: {error.Message}; fetch the file again or mend it.", error);
        }
    }

    private static CheckpointSettings Parse(JsonElement config, string path)
    {
        if (config.ValueKind != JsonValueKind.Object)
        {
            throw GammaModFactory.Error($"'{path}' must hold a JSON object, not {config.ValueKind}");
        }

        bool miniGemini = config.TryGetProperty("model_type", out JsonElement type) && type.ValueKind == JsonValueKind.String && type.GetString() == "mod_mgm";
        if (!config.TryGetProperty("mod", out JsonElement mod) || mod.ValueKind != JsonValueKind.Object
            || !mod.TryGetProperty("mod_layers_idx", out JsonElement layers) || layers.ValueKind == JsonValueKind.Null)
        {
            return new CheckpointSettings(null, miniGemini);
        }

        if (layers.ValueKind != JsonValueKind.Array
            || layers.EnumerateArray().Any(layer => layer.ValueKind != JsonValueKind.Number || !layer.TryGetInt32(out _)))
        {
            throw GammaModFactory.Error($"{LayersPlace} is {Short(layers.GetRawText())} but must be a list of layers; mend it in '{path}'");
        }

        return new CheckpointSettings([.. layers.EnumerateArray().Select(layer => layer.GetInt32())], miniGemini);
    }

    private static string Short(string text) => text.Length <= 40 ? text : text[..40] + "…";
}
