using System.Text.Json;

namespace Aperture.Images;

/// <summary>Typed access to the fields of an untrusted preprocessor_config.json; a missing field or JSON null gives null.</summary>
internal readonly struct ProcessorFields
{
    private const int LargestEdge = 1 << 14;

    private readonly JsonElement _json;
    private readonly string _name;

    public ProcessorFields(JsonElement json, string name)
    {
        (_json, _name) = (json, name);
        if (json.ValueKind != JsonValueKind.Object)
        {
            throw new ApertureException($"Image processor configuration {name} is not a JSON object.");
        }
    }

    public string? Text(string field) => Find(field) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    public bool? Flag(string field) => Find(field) is not { } value ? null : value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Error(field, "true or false"),
    };

    public double? Number(string field) => Find(field) is not { } value ? null : Finite(value) ?? throw Error(field, "a number");

    public ResampleFilter? Filter(string field)
    {
        if (Find(field) is not { } value)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && Enum.IsDefined((ResampleFilter)number))
        {
            return (ResampleFilter)number;
        }

        return value.ValueKind == JsonValueKind.String
            && Enum.TryParse<ResampleFilter>(value.GetString(), ignoreCase: true, out ResampleFilter filter)
            && Enum.IsDefined(filter)
            ? filter
            : throw Error(field, "a filter of Pillow, 0 to 5");
    }

    public double[]? Colour(string field)
    {
        if (Find(field) is not { } value)
        {
            return null;
        }

        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() != 3)
        {
            throw Error(field, "three numbers");
        }

        double[] colour = new double[3];
        for (int c = 0; c < 3; c++)
        {
            colour[c] = Finite(value[c]) ?? throw Error(field, "three numbers");
        }

        return colour;
    }

    /// <summary>A size: one number (Whole), a shortest edge, or height and width, as an object or as a list.</summary>
    public (int? Shortest, int? Height, int? Width, bool Whole)? Size(string field)
    {
        if (Find(field) is not { } value)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number)
        {
            return (Edge(field, value), null, null, true);
        }

        if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 2)
        {
            return (null, Edge(field, value[0]), Edge(field, value[1]), false);
        }

        if (value.ValueKind == JsonValueKind.Object
            && value.TryGetProperty("shortest_edge", out JsonElement shortest)
            && !value.TryGetProperty("longest_edge", out _))
        {
            return (Edge(field, shortest), null, null, false);
        }

        if (value.ValueKind == JsonValueKind.Object
            && value.TryGetProperty("height", out JsonElement height)
            && value.TryGetProperty("width", out JsonElement width))
        {
            return (null, Edge(field, height), Edge(field, width), false);
        }

        throw Error(field, "a number, a shortest_edge, or height and width");
    }

    public ApertureException Error(string field, string wanted)
    {
        string text = _json.GetProperty(field).GetRawText().ReplaceLineEndings(" ");
        return new ApertureException($"Image processor configuration {_name}: {field} is {(text.Length > 80 ? text[..80] + "…" : text)}; {wanted} is needed.");
    }

    private static double? Finite(JsonElement value)
        => value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number) ? number : null;

    private int Edge(string field, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int edge) && edge is >= 1 and <= LargestEdge
            ? edge
            : throw Error(field, $"an edge of 1 to {LargestEdge} pixels");

    private JsonElement? Find(string field) => _json.TryGetProperty(field, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;
}
