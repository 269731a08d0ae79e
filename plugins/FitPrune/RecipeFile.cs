using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Aperture.Files;

namespace Aperture.Plugins.FitPrune;

/// <summary>Reads and writes recipe files: our JSON, or the layer-to-count map that the official search prints.</summary>
internal static partial class RecipeFile
{
    public const string Extension = ".fitprune.json";
    private const int MaxBytes = 1 << 20;
    private const int MaxLayers = 1024;

    /// <summary>Reads a recipe.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ApertureException">Not a recipe, or a recipe that contradicts itself.</exception>
    public static Recipe Read(string path)
    {
        string name = Path.GetFileName(path);
        FileInfo file = new(path);
        if (!file.Exists)
        {
            throw FitPruneOptions.Error($"there is no recipe file '{path}'");
        }

        if (file.Length > MaxBytes)
        {
            throw FitPruneOptions.Error($"'{name}' has {file.Length} bytes; a recipe has at most {MaxBytes}");
        }

        string text = InputFile.Text(path, MaxBytes);
        return IsPrinted(text) ? ParsePrinted(text, $"recipe '{name}'") : ParseJson(text, name);
    }

    /// <summary>Writes a recipe so that the file is whole or not there at all.</summary>
    public static void Write(string path, Recipe recipe)
    {
        using MemoryStream content = new();
        using (Utf8JsonWriter json = new(content, new JsonWriterOptions { Indented = true }))
        {
            using JsonDocument document = JsonSerializer.SerializeToDocument(recipe.Checked(), FilesJson.Default.Recipe);
            json.WriteStartObject();
            foreach (JsonProperty property in document.RootElement.EnumerateObject())
            {
                json.WritePropertyName(property.Name);
                json.WriteRawValue(property.Value.GetRawText());
            }

            json.WriteEndObject();
        }

        content.WriteByte((byte)'\n');
        AtomicFile.Write(path, content.ToArray());
    }

    /// <summary>Whether a text is the printed form, <c>{0: 14, 1: 33, …}</c>.</summary>
    public static bool IsPrinted(string text) => PrintedStart().IsMatch(text);

    /// <summary>Reads the printed form. Layers may come in any order; a layer that is missing deletes nothing.</summary>
    /// <param name="text">The printed map.</param>
    /// <param name="origin">Where it comes from, for messages.</param>
    /// <exception cref="ApertureException">Something else stands in it.</exception>
    public static Recipe ParsePrinted(string text, string origin)
    {
        string body = text.Trim();
        if (!body.EndsWith('}'))
        {
            throw FitPruneOptions.Error($"{origin} is not closed by '}}'");
        }

        SortedDictionary<int, int> counts = [];
        foreach (string entry in body[1..^1].Split(',', StringSplitOptions.TrimEntries))
        {
            Match match = PrintedEntry().Match(entry);
            if (entry.Length == 0 && counts.Count > 0)
            {
                continue;
            }

            if (!match.Success
                || !int.TryParse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture, out int layer)
                || !int.TryParse(match.Groups[2].ValueSpan, CultureInfo.InvariantCulture, out int count)
                || layer >= MaxLayers)
            {
                throw FitPruneOptions.Error($"{origin} has the entry '{Shorten(entry)}'; entries look like 0: 14");
            }

            if (!counts.TryAdd(layer, count))
            {
                throw FitPruneOptions.Error($"{origin} names layer {layer} twice");
            }
        }

        int[] delete = new int[counts.Keys.Max() + 1];
        foreach ((int layer, int count) in counts)
        {
            delete[layer] = count;
        }

        return new Recipe { Layers = delete.Length, Delete = delete, Origin = origin }.Checked();
    }

    private static Recipe ParseJson(string text, string name)
    {
        Recipe? recipe;
        try
        {
            recipe = JsonText.Record(Encoding.UTF8.GetBytes(text), FilesJson.Default.Recipe);
        }
        catch (JsonException error)
        {
            throw new ApertureException(
                $"{FitPruneFactory.MethodName}: '{name}' is no recipe: not valid at {error.Path ?? "its start"}, line {(error.LineNumber ?? 0) + 1}.", error);
        }

        if (recipe is null || recipe.Format != Recipe.FileFormat || recipe.Version != Recipe.FileVersion)
        {
            throw FitPruneOptions.Error(
                $"'{name}' is no recipe: format must be {Recipe.FileFormat}, version {Recipe.FileVersion}, not '{Shorten(recipe?.Format ?? "")}', "
                + $"{recipe?.Version}");
        }

        return (recipe with { Origin = $"recipe '{name}'" }).Checked();
    }

    private static string Shorten(string text) => text.Length <= 24 ? text : string.Concat(text.AsSpan(0, 24), "…");

    [GeneratedRegex(@"^\s*\{\s*-?\d+\s*:")]
    private static partial Regex PrintedStart();

    [GeneratedRegex(@"^(\d+)\s*:\s*(-?\d+)$")]
    private static partial Regex PrintedEntry();
}
