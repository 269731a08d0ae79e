using System.Text.Json;
using Aperture.Weights;

namespace Aperture.Golden.Tests;

/// <summary>A case before it is opened: where it is and what it says it is.</summary>
internal sealed record GoldenFile(string Path, string Area, string Kind, string Case)
{
    private const int MaxDepth = 512;

    public string Id => $"{Area}/{Case}";

    /// <summary>Reads area and kind of a file; null where it is not a case (no kind, or only weights of others).</summary>
    public static GoldenFile? Read(string path)
    {
        using JsonDocument? meta = ReadMeta(path);
        if (meta is null || Text(meta.RootElement, "kind") is not { } kind || Text(meta.RootElement, "area") is not { } area || kind == "weights")
        {
            return null;
        }

        return new GoldenFile(path, area, kind, Text(meta.RootElement, "case") ?? System.IO.Path.GetFileNameWithoutExtension(path));
    }

    /// <summary>The description of a case: the metadata's json entry, or the whole json file. Null where there is none.</summary>
    public static JsonDocument? ReadMeta(string path)
    {
        if (path.EndsWith(".json", StringComparison.Ordinal))
        {
            JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path), new JsonDocumentOptions { MaxDepth = MaxDepth });
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                return document;
            }

            document.Dispose();
            return null;
        }

        using SafetensorsFile file = SafetensorsFile.Open(path);
        return file.Metadata.TryGetValue("json", out string? json) ? JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = MaxDepth }) : null;
    }

    private static string? Text(JsonElement root, string name) =>
        root.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
