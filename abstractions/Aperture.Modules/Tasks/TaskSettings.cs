using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Files;
using Aperture.Models;

namespace Aperture.Tasks;

/// <summary>
/// What <c>task.json</c> in a checkpoint's folder says: which architecture opens it, which of its files holds the weights, and options that its weights do not
/// tell, such as a number of attention heads. What a user gives goes before it.
/// </summary>
/// <param name="Architecture">The architecture's name; null to have it recognised.</param>
/// <param name="Weights">Name of the weights file in the folder; null for a checkpoint that is the folder.</param>
/// <param name="Options">Options to open it with; null for none.</param>
public sealed record TaskSettings(string? Architecture, string? Weights, JsonObject? Options)
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "task.json";

    private const string ArchitectureKey = "architecture", WeightsKey = "weights", OptionsKey = "options";

    private static readonly JsonSerializerOptions _indented = new() { WriteIndented = true, NewLine = "\n" };

    /// <summary>What the folder of a checkpoint says about it; null where it says nothing, or speaks of another file.</summary>
    /// <param name="checkpoint">A weights file, or a folder.</param>
    /// <exception cref="ApertureException">The file is no JSON, or holds something else.</exception>
    public static TaskSettings? Of(string checkpoint)
    {
        bool isFolder = Directory.Exists(checkpoint);
        string path = Path.Combine(isFolder ? checkpoint : Path.GetDirectoryName(Path.GetFullPath(checkpoint))!, FileName);
        if (!File.Exists(path))
        {
            return null;
        }

        TaskSettings settings = Parse(ModelFolder.ReadJson(path), path);
        return isFolder || settings.Weights == Path.GetFileName(checkpoint) ? settings : null;
    }

    /// <summary>Writes the file.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <returns>Its full path.</returns>
    public string Write(string folder)
    {
        JsonObject json = [];
        foreach ((string key, string? value) in new[] { (ArchitectureKey, Architecture), (WeightsKey, Weights) })
        {
            if (value is not null)
            {
                json[key] = value;
            }
        }

        if (Options is { Count: > 0 })
        {
            json[OptionsKey] = Options.DeepClone();
        }

        string path = Path.GetFullPath(Path.Combine(folder, FileName));
        AtomicFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(json, _indented));
        return path;
    }

    private static TaskSettings Parse(JsonElement json, string path)
    {
        ApertureException Wrong(string what) => new($"{path}: {what}; it holds {ArchitectureKey}, {WeightsKey} (a file's name) and {OptionsKey} (an object).");
        if (json.ValueKind != JsonValueKind.Object)
        {
            throw Wrong("this is no object");
        }

        string[] names = [.. json.EnumerateObject().Select(field => field.Name)];
        if (Array.Find(names, name => name is not (ArchitectureKey or WeightsKey or OptionsKey)) is { } other)
        {
            throw Wrong($"'{other}' is not known");
        }

        string? Text(string key) => !json.TryGetProperty(key, out JsonElement value) ? null
            : value.ValueKind == JsonValueKind.String ? value.GetString() : throw Wrong($"{key} is no text");
        string? weights = Text(WeightsKey);
        if (weights is not null && (weights != Path.GetFileName(weights) || weights is "" or "." or ".."))
        {
            throw Wrong($"{WeightsKey} '{weights}' is no file's name");
        }

        JsonObject? options = !json.TryGetProperty(OptionsKey, out JsonElement given) ? null
            : given.ValueKind == JsonValueKind.Object ? JsonObject.Create(given) : throw Wrong($"{OptionsKey} is no object");
        return new TaskSettings(Text(ArchitectureKey), weights, options);
    }
}
