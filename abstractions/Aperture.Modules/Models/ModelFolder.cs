using System.Text.Json;
using Aperture.Files;

namespace Aperture.Models;

/// <summary>The folder of a checkpoint, whose files are untrusted input.</summary>
public sealed class ModelFolder
{
    private readonly Lazy<JsonElement?> _config;

    /// <summary>A folder.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="baseFolder">
    /// The folder of the model that this one changes, for files that this one lacks, and for the weights; null for a folder that is whole.
    /// </param>
    public ModelFolder(string path, string? baseFolder = null)
    {
        Path = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        Base = baseFolder is null ? null : System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(baseFolder));
        _config = new Lazy<JsonElement?>(() => Has(ConfigFile) ? Json(ConfigFile) : null);
    }

    /// <summary>The name of the file that says what a checkpoint is.</summary>
    public const string ConfigFile = "config.json";

    /// <summary>The full path, without a separator at its end.</summary>
    public string Path { get; }

    /// <summary>The folder of the model that this one changes; null for a folder that is whole.</summary>
    public string? Base { get; }

    /// <summary>The folder's own name.</summary>
    public string Name => System.IO.Path.GetFileName(Path);

    /// <summary>The content of <c>config.json</c>; null where there is none.</summary>
    /// <exception cref="ApertureException">The file is no JSON.</exception>
    public JsonElement? Config => _config.Value;

    /// <summary>What the configuration calls the model: the first of <c>architectures</c>, else <c>model_type</c>; null where it says neither.</summary>
    public string? Architecture => Text("architectures") ?? ModelType;

    /// <summary>The configuration's <c>model_type</c>; null without one.</summary>
    public string? ModelType => Text("model_type");

    /// <summary>Whether the folder has a file of a name.</summary>
    /// <param name="file">The file's name.</param>
    public bool Has(string file) => File.Exists(At(file));

    /// <summary>The full path of a file in the folder, or in its base where this one lacks it; whether or not it is there.</summary>
    /// <param name="file">The file's name.</param>
    public string At(string file)
    {
        string own = System.IO.Path.Combine(Path, file);
        return Base is not null && !File.Exists(own) && System.IO.Path.Combine(Base, file) is var other && File.Exists(other) ? other : own;
    }

    /// <summary>Reads a JSON file of the folder.</summary>
    /// <param name="file">The file's name.</param>
    /// <exception cref="ApertureException">The file is missing, too large for a configuration, or no JSON.</exception>
    public JsonElement Json(string file) => ReadJson(At(file));

    /// <summary>Reads a JSON file of the folder that holds settings.</summary>
    /// <param name="file">The file's name.</param>
    /// <exception cref="ApertureException">The file is missing, too large for a configuration, or no JSON object.</exception>
    public JsonElement Settings(string file)
    {
        JsonElement json = Json(file);
        return json.ValueKind == JsonValueKind.Object ? json
            : throw new ApertureException($"{At(file)} must hold a JSON object, not {json.ValueKind}; fetch the file again.");
    }

    /// <summary>Whether the configuration has a key.</summary>
    /// <param name="key">The key.</param>
    public bool Says(string key)
        => Config is { ValueKind: JsonValueKind.Object } config && config.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>Reads a JSON file as untrusted input.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ApertureException">The file is missing, too large for a configuration, or no JSON.</exception>
    public static JsonElement ReadJson(string path)
    {
        if (!System.IO.Path.Exists(path))
        {
            throw new ApertureException($"There is no file '{path}'; fetch the checkpoint again.");
        }

        using JsonDocument json = JsonText.Open(path);
        return json.RootElement.Clone();
    }

    private string? Text(string key)
    {
        if (!Says(key))
        {
            return null;
        }

        JsonElement value = Config!.Value.GetProperty(key);
        return value.ValueKind switch
        {
            JsonValueKind.String => value.GetString(),
            JsonValueKind.Array when value.GetArrayLength() > 0 && value[0].ValueKind == JsonValueKind.String => value[0].GetString(),
            _ => null,
        };
    }
}
