using System.Text.Json;

namespace Aperture.Models;

/// <summary>Where a checkpoint's folder says what is done to pictures: transformers moved it in version 5.</summary>
/// <param name="Json">The settings, an object.</param>
/// <param name="Where">File name for messages.</param>
public sealed record ImageSettings(JsonElement Json, string Where)
{
    private const string Older = "preprocessor_config.json", Newer = "processor_config.json", Nested = "image_processor";
    private static readonly string[] _names = ["processor_class", "image_processor_type", "feature_extractor_type"];

    /// <summary>
    /// Finds the settings: under <c>image_processor</c> of <c>processor_config.json</c>, else in <c>preprocessor_config.json</c>. Where both say something else
    /// the newer counts, which is told.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="tell">Told what is set and not done.</param>
    /// <returns>The settings; null where there are none.</returns>
    /// <exception cref="ApertureException">A file is no JSON object.</exception>
    public static ImageSettings? Find(ModelFolder folder, Action<string> tell)
    {
        ImageSettings? older = folder.Has(Older) ? Object(folder.Json(Older), folder.At(Older)) : null;
        ImageSettings? newer = folder.Has(Newer) && Object(folder.Json(Newer), folder.At(Newer)) is var whole
            && whole.Json.TryGetProperty(Nested, out JsonElement nested) && nested.ValueKind != JsonValueKind.Null
            ? Object(nested, $"{whole.Where}: {Nested}")
            : null;
        if (older is not null && newer is not null && Differing(older.Json, newer.Json) is { Length: > 0 } keys)
        {
            tell($"{older.Where} and {newer.Where} differ in {string.Join(", ", keys)}; the latter counts, as in transformers 5.");
        }

        ImageSettings? found = newer ?? older;
        if (found is not null)
        {
            KnownSettings.Pictures.Tell(found.Json, found.Where, tell);
        }

        return found;
    }

    /// <summary>Tells of settings that are not read, for a model whose authors' code makes pictures in one way.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="tell">Told where there are settings.</param>
    /// <exception cref="ApertureException">A file is no JSON object.</exception>
    public static void TellUnread(ModelFolder folder, Action<string> tell)
    {
        if (Find(folder, _ => { }) is { } found)
        {
            tell($"{found.Where}: nothing here reads it; pictures are made as the code of the model's authors makes them.");
        }
    }

    private static ImageSettings Object(JsonElement json, string where)
        => json.ValueKind == JsonValueKind.Object ? new(json, where) : throw new ApertureException($"{where} must hold a JSON object, not {json.ValueKind}.");

    private static string[] Differing(JsonElement older, JsonElement newer)
        => [.. older.EnumerateObject().Where(entry => !_names.Contains(entry.Name) && newer.TryGetProperty(entry.Name, out JsonElement other)
            && !JsonElement.DeepEquals(entry.Value, other)).Select(entry => entry.Name)];
}
