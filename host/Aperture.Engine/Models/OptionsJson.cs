using System.Collections;
using System.Reflection;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Aperture.Files;

namespace Aperture.Models;

/// <summary>Turns what a script writes as options, such as <c>new { Reduction = 0.6 }</c>, into the JSON object that plugins bind.</summary>
public static class OptionsJson
{
    private const int MaxDepth = 16;

    /// <summary>The JSON of an options object.</summary>
    /// <param name="options">An anonymous object, a dictionary, a JSON element, JSON text, or null for all defaults.</param>
    /// <exception cref="ApertureException">A value is of a type that options cannot have.</exception>
    public static JsonElement From(object? options)
    {
        if (options is JsonElement element)
        {
            return element;
        }

        if (options is string text)
        {
            try
            {
                using JsonDocument parsed = JsonText.Parse(text);
                return parsed.RootElement.Clone();
            }
            catch (JsonException error)
            {
                throw new ApertureException($"The options '{text}' are not JSON ({error.Message}); write an object such as {{\"Reduction\": 0.6}}.", error);
            }
        }

        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            Write(json, options ?? new Dictionary<string, object>(), 0);
        }

        using JsonDocument document = JsonDocument.Parse(buffer.ToArray());
        return document.RootElement.Clone();
    }

    /// <summary>A value as JSON on one line, however the file that it comes from was laid out.</summary>
    /// <param name="value">The value.</param>
    internal static string Compact(JsonElement value)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            value.WriteTo(json);
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private static void Write(Utf8JsonWriter json, object? value, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new ApertureException($"The options are nested more than {MaxDepth} deep.");
        }

        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case bool flag:
                json.WriteBooleanValue(flag);
                break;
            case string text:
                json.WriteStringValue(text);
                break;
            case Enum name:
                json.WriteStringValue(name.ToString());
                break;
            case JsonElement element:
                element.WriteTo(json);
                break;
            case sbyte or byte or short or ushort or int or uint or long:
                json.WriteNumberValue(Convert.ToInt64(value, null));
                break;
            case float or double or decimal:
                json.WriteNumberValue(Convert.ToDouble(value, null));
                break;
            case IDictionary dictionary:
                json.WriteStartObject();
                foreach (DictionaryEntry entry in dictionary)
                {
                    json.WritePropertyName(entry.Key.ToString() ?? "");
                    Write(json, entry.Value, depth + 1);
                }

                json.WriteEndObject();
                break;
            case IEnumerable items:
                json.WriteStartArray();
                foreach (object? item in items)
                {
                    Write(json, item, depth + 1);
                }

                json.WriteEndArray();
                break;
            default:
                WriteProperties(json, value, depth);
                break;
        }
    }

    private static void WriteProperties(Utf8JsonWriter json, object value, int depth)
    {
        PropertyInfo[] properties =
        [
            .. value.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.GetIndexParameters().Length == 0),
        ];
        if (properties.Length == 0)
        {
            throw new ApertureException($"Options cannot hold a {value.GetType().Name}; use numbers, text, true/false, lists or objects.");
        }

        json.WriteStartObject();
        foreach (PropertyInfo property in properties)
        {
            json.WritePropertyName(property.Name);
            Write(json, property.GetValue(value), depth + 1);
        }

        json.WriteEndObject();
    }
}
