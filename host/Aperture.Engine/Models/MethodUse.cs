using System.Text.Json;
using Aperture.Decoding;

namespace Aperture.Models;

/// <summary>A method in a pipeline, as the user named it.</summary>
/// <param name="Name">The method's name.</param>
/// <param name="Options">Its options, a JSON object; undefined for all defaults.</param>
public sealed record MethodUse(string Name, JsonElement Options)
{
    /// <summary>The method itself, where the user wrote it instead of naming a plugin's; the user disposes it.</summary>
    public IDecoderMethod? Object { get; init; }

    /// <summary>How a table shows it: the name, and the options that were given.</summary>
    public string Label
    {
        get
        {
            if (Options.ValueKind != JsonValueKind.Object || !Options.EnumerateObject().Any())
            {
                return Name;
            }

            return $"{Name}({string.Join(", ", Options.EnumerateObject().Select(p => $"{p.Name}={OptionsJson.Compact(p.Value).Trim('"')}"))})";
        }
    }

    /// <summary>The same method with another use's options wherever this one does not name an option.</summary>
    /// <param name="under">The use whose options lie underneath.</param>
    public MethodUse Over(MethodUse under)
    {
        Dictionary<string, object> options = new(StringComparer.OrdinalIgnoreCase);
        IEnumerable<JsonElement> given = new[] { under.Options, Options }.Where(options => options.ValueKind == JsonValueKind.Object);
        foreach (JsonProperty option in given.SelectMany(options => options.EnumerateObject()))
        {
            options[option.Name] = option.Value;
        }

        return this with { Options = OptionsJson.From(options) };
    }

    /// <summary>Whether another use has the same name and the same options.</summary>
    /// <param name="other">The other use.</param>
    internal bool Says(MethodUse other)
        => string.Equals(Name, other.Name, StringComparison.OrdinalIgnoreCase) && ReferenceEquals(Object, other.Object)
            && (Options.ValueKind, other.Options.ValueKind) switch
            {
                (JsonValueKind.Object, JsonValueKind.Object) => JsonElement.DeepEquals(Options, other.Options),
                (JsonValueKind.Object, _) => !Options.EnumerateObject().Any(),
                (_, JsonValueKind.Object) => !other.Options.EnumerateObject().Any(),
                _ => true,
            };

    /// <summary>Reads the form of the command line: <c>NAME:Reduction=0.6,Seed=1</c>.</summary>
    /// <param name="text">The text.</param>
    /// <exception cref="ApertureException">The form is not NAME or NAME:OPTION=VALUE,….</exception>
    public static MethodUse Parse(string text)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string name = colon < 0 ? text : text[..colon];
        if (name.Length == 0)
        {
            throw new ApertureException($"'{text}' names no method; write NAME or NAME:OPTION=VALUE,OPTION=VALUE.");
        }

        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartObject();
            foreach (string assignment in colon < 0 ? [] : SplitOutsideBrackets(text[(colon + 1)..]))
            {
                int equals = assignment.IndexOf('=', StringComparison.Ordinal);
                if (equals <= 0)
                {
                    throw new ApertureException($"'{assignment}' in '{text}' is not OPTION=VALUE.");
                }

                json.WritePropertyName(assignment[..equals].Trim());
                WriteValue(json, assignment[(equals + 1)..].Trim());
            }

            json.WriteEndObject();
        }

        using JsonDocument parsed = JsonDocument.Parse(buffer.ToArray());
        return new MethodUse(name, parsed.RootElement.Clone());
    }

    // A value is JSON where it parses as such (numbers, true, lists), else text.
    private static void WriteValue(Utf8JsonWriter json, string value)
    {
        try
        {
            using JsonDocument parsed = JsonDocument.Parse(value);
            parsed.RootElement.WriteTo(json);
        }
        catch (JsonException)
        {
            json.WriteStringValue(value);
        }
    }

    private static IEnumerable<string> SplitOutsideBrackets(string text)
    {
        int depth = 0, start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            depth += text[i] is '[' or '{' ? 1 : text[i] is ']' or '}' ? -1 : 0;
            if (text[i] == ',' && depth == 0)
            {
                yield return text[start..i];
                start = i + 1;
            }
        }

        if (start < text.Length)
        {
            yield return text[start..];
        }
    }
}
