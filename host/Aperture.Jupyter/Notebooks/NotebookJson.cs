using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Aperture.Jupyter;

/// <summary>
/// Writes JSON as Jupyter's own tools do: characters of all languages as they are, and only what JSON cannot hold as an escape. Half a surrogate pair, which a
/// script may print and no file can hold, becomes the replacement character.
/// </summary>
/// <param name="indent">What the lines of the value's object begin with; null to write on one line.</param>
/// <param name="step">What a level more begins with.</param>
/// <param name="newLine">The file's line end.</param>
internal sealed class NotebookJson(string? indent, string step, string newLine)
{
    private readonly StringBuilder _text = new();

    /// <summary>The text of a value that stands behind a key.</summary>
    /// <param name="value">The value.</param>
    public string Write(JsonNode? value)
    {
        _text.Clear();
        Append(value, indent ?? "");
        return _text.ToString();
    }

    private void Append(JsonNode? value, string margin)
    {
        switch (value)
        {
            case JsonObject { Count: > 0 } fields:
                Between('{', '}', margin, fields, (field, inner) =>
                {
                    Append(field.Key);
                    _text.Append(": ");
                    Append(field.Value, inner);
                });
                break;
            case JsonArray { Count: > 0 } items:
                Between('[', ']', margin, items, Append);
                break;
            case JsonValue text when text.TryGetValue(out string? characters):
                Append(characters);
                break;
            default:
                _text.Append(value is JsonObject ? "{}" : value is JsonArray ? "[]" : value?.ToJsonString() ?? "null");
                break;
        }
    }

    private void Between<T>(char open, char close, string margin, IEnumerable<T> parts, Action<T, string> append)
    {
        string inner = margin + step;
        bool isFirst = true;
        _text.Append(open);
        foreach (T part in parts)
        {
            _text.Append(isFirst ? "" : indent is null ? ", " : ",").Append(indent is null ? "" : newLine + inner);
            append(part, inner);
            isFirst = false;
        }

        _text.Append(indent is null ? "" : newLine + margin).Append(close);
    }

    private void Append(string text)
    {
        _text.Append('"');
        foreach (Rune rune in text.EnumerateRunes())
        {
            _ = rune.Value switch
            {
                '"' => _text.Append("\\\""),
                '\\' => _text.Append("\\\\"),
                '\n' => _text.Append("\\n"),
                '\r' => _text.Append("\\r"),
                '\t' => _text.Append("\\t"),
                '\b' => _text.Append("\\b"),
                '\f' => _text.Append("\\f"),
                < ' ' => _text.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:x4}"),
                _ => _text.Append(rune.ToString()),
            };
        }

        _text.Append('"');
    }
}
