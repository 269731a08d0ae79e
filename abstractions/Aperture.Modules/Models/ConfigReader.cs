using System.Text.Json;

namespace Aperture.Models;

/// <summary>Reads values of a checkpoint's config.json with the defaults that such a file may omit, and with messages that name key and value.</summary>
/// <param name="root">The JSON object.</param>
/// <param name="where">File name for messages.</param>
public readonly struct ConfigReader(JsonElement root, string where)
{
    private const int LargestSize = 1 << 24;

    /// <summary>The JSON object.</summary>
    public JsonElement Root => root;

    /// <summary>File name for messages.</summary>
    public string Where => where;

    /// <summary>Whether a key is there and not null.</summary>
    /// <param name="key">The key.</param>
    public bool Has(string key) => root.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>The object under a key; an empty one where it is absent.</summary>
    /// <param name="key">The key.</param>
    /// <exception cref="ApertureException">The value is no object.</exception>
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
    /// <param name="key">The key.</param>
    /// <param name="fallback">The value where the key is absent.</param>
    /// <param name="minimum">The smallest value allowed.</param>
    /// <exception cref="ApertureException">The value is out of range or no integer.</exception>
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

    /// <summary>A value that is an integer.</summary>
    /// <param name="key">The key.</param>
    /// <param name="fallback">The value where the key is absent.</param>
    /// <exception cref="ApertureException">The value is of another type.</exception>
    public int Integer(string key, int fallback)
    {
        if (!Has(key))
        {
            return fallback;
        }

        JsonElement value = root.GetProperty(key);
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number : throw Bad(key, value, "an integer");
    }

    /// <summary>A value that is a finite number.</summary>
    /// <param name="key">The key.</param>
    /// <param name="fallback">The value where the key is absent.</param>
    /// <exception cref="ApertureException">The value is of another type.</exception>
    public double Number(string key, double fallback)
    {
        if (!Has(key))
        {
            return fallback;
        }

        JsonElement value = root.GetProperty(key);
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number)
            ? number
            : throw Bad(key, value, "a number");
    }

    /// <summary>A value that is true or false.</summary>
    /// <param name="key">The key.</param>
    /// <param name="fallback">The value where the key is absent.</param>
    /// <exception cref="ApertureException">The value is of another type.</exception>
    public bool Flag(string key, bool fallback)
    {
        if (!Has(key))
        {
            return fallback;
        }

        JsonElement value = root.GetProperty(key);
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Bad(key, value, "true or false");
    }

    /// <summary>A value that is text.</summary>
    /// <param name="key">The key.</param>
    /// <param name="fallback">The value where the key is absent.</param>
    /// <exception cref="ApertureException">The value is of another type.</exception>
    public string? Text(string key, string? fallback)
    {
        if (!Has(key))
        {
            return fallback;
        }

        JsonElement value = root.GetProperty(key);
        return value.ValueKind == JsonValueKind.String ? value.GetString() : throw Bad(key, value, "text");
    }

    /// <summary>The error that a value deserves.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    /// <param name="expected">What it must be.</param>
    public ApertureException Bad(string key, JsonElement value, string expected)
        => new($"{where}: {key} is {Short(value.GetRawText())} but must be {expected}.");

    private static string Short(string text) => text.Length <= 40 ? text : text[..40] + "…";
}
