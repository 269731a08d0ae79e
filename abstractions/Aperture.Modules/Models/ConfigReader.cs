using System.Text.Json;

namespace Aperture.Models;

/// <summary>Reads values of a checkpoint's config.json with the defaults that such a file may omit, and with messages that name key and value.</summary>
internal readonly struct ConfigReader(JsonElement root, string where)
{
    private const int LargestSize = 1 << 24;

    public JsonElement Root => root;

    public string Where => where;

    public bool Has(string key) => root.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>The object under a key; an empty one where it is absent.</summary>
    public ConfigReader Child(string key)
    {
        if (!Has(key))
        {
            using JsonDocument empty = JsonDocument.Parse("{}");
            return new ConfigReader(empty.RootElement.Clone(), where);
        }

        JsonElement child = root.GetProperty(key);
        return child.ValueKind == JsonValueKind.Object ? new ConfigReader(child, $"{where}: {key}") : throw Bad(key, child, "an object");
    }

    /// <summary>A size: at least <paramref name="minimum"/>, at most 2^24.</summary>
    public int Size(string key, int fallback, int minimum = 1)
    {
        if (!Has(key))
        {
            return fallback;
        }

        JsonElement value = root.GetProperty(key);
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number >= minimum && number <= LargestSize
            ? number
            : throw Bad(key, value, $"an integer from {minimum} to {LargestSize}");
    }

    public int Integer(string key, int fallback)
    {
        if (!Has(key))
        {
            return fallback;
        }

        JsonElement value = root.GetProperty(key);
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number : throw Bad(key, value, "an integer");
    }

    public double Number(string key, double fallback)
    {
        if (!Has(key))
        {
            return fallback;
        }

        JsonElement value = root.GetProperty(key);
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number) ? number : throw Bad(key, value, "a number");
    }

    public bool Flag(string key, bool fallback)
    {
        if (!Has(key))
        {
            return fallback;
        }

        JsonElement value = root.GetProperty(key);
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Bad(key, value, "true or false");
    }

    public string? Text(string key, string? fallback)
    {
        if (!Has(key))
        {
            return fallback;
        }

        JsonElement value = root.GetProperty(key);
        return value.ValueKind == JsonValueKind.String ? value.GetString() : throw Bad(key, value, "text");
    }

    public ApertureException Bad(string key, JsonElement value, string expected)
        => new($"{where}: {key} is {Short(value.GetRawText())} but must be {expected}.");

    private static string Short(string text) => text.Length <= 40 ? text : text[..40] + "…";
}
