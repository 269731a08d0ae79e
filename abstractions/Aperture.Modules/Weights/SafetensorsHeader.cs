using System.Text.Json;
using System.Text.Unicode;

namespace Aperture.Weights;

/// <summary>The header of a safetensors file, parsed and checked: the tensors tile the data exactly.</summary>
internal sealed class SafetensorsHeader
{
    /// <summary>The largest header the format allows, in bytes.</summary>
    public const long MaxLength = 100_000_000;

    private const int MaxRank = 64;
    private const int MaxDepth = 127;
    private const string MetadataKey = "__metadata__";

    private readonly string _path;
    private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SafetensorsEntry> _entries = new(StringComparer.Ordinal);

    private SafetensorsHeader(string path) => _path = path;

    public IReadOnlyDictionary<string, string> Metadata => _metadata;

    /// <summary>The tensors in the order of their bytes.</summary>
    public IReadOnlyList<SafetensorsEntry> Entries { get; private set; } = [];

    /// <summary>Parses the header of the file called <paramref name="path"/>, whose data after the header has <paramref name="dataLength"/> bytes.</summary>
    public static SafetensorsHeader Parse(ReadOnlySpan<byte> json, long dataLength, string path)
    {
        SafetensorsHeader header = new(path);
        if (!Utf8.IsValid(json))
        {
            throw header.Damaged("the header is not UTF-8 text");
        }

        try
        {
            header.ReadAll(json);
        }
        catch (Exception cause) when (cause is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: an escape in a string that is half of a surrogate pair.
            throw new ApertureException(header.Damaged($"the header is not valid JSON ({FirstSentence(cause.Message)})").Message, cause);
        }

        header.CheckTiling(dataLength);
        return header;
    }

    private static string FirstSentence(string message)
    {
        int end = message.IndexOf(". ", StringComparison.Ordinal);
        return (end < 0 ? message : message[..end]).TrimEnd('.').ReplaceLineEndings(" ");
    }

    private ApertureException Damaged(string fault) => new($"Weights file '{_path}': {fault}; fetch or write the file again.");

    private ApertureException Damaged(string tensor, string fault)
        => new($"Weights file '{_path}', tensor '{tensor}': {fault}; fetch or write the file again.");

    private void ReadAll(ReadOnlySpan<byte> json)
    {
        Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = MaxDepth });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw Damaged("the header is not a JSON object");
        }

        bool sawMetadata = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            if (name == MetadataKey)
            {
                if (sawMetadata)
                {
                    throw Damaged($"the header holds {MetadataKey} twice");
                }

                sawMetadata = true;
                ReadMetadata(ref reader);
            }
            else if (!_entries.TryAdd(name, ReadEntry(ref reader, name)))
            {
                throw Damaged(name, "the header holds this name twice");
            }
        }

        // Throws unless only blanks follow.
        reader.Read();
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null)
        {
            return;
        }

        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Damaged($"{MetadataKey} is not a JSON object");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
            {
                throw Damaged($"{MetadataKey} entry '{key}' is not a string");
            }

            if (!_metadata.TryAdd(key, reader.GetString()!))
            {
                throw Damaged($"{MetadataKey} holds '{key}' twice");
            }
        }
    }

    private SafetensorsEntry ReadEntry(ref Utf8JsonReader reader, string name)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Damaged(name, "its entry is not a JSON object");
        }

        StoredType? type = null;
        List<ulong>? shape = null;
        List<ulong>? offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string field = reader.GetString()!;
            reader.Read();
            if ((field == "dtype" && type is not null) || (field == "shape" && shape is not null) || (field == "data_offsets" && offsets is not null))
            {
                throw Damaged(name, $"its entry holds {field} twice");
            }

            switch (field)
            {
                case "dtype":
                    type = ReadType(ref reader, name);
                    break;
                case "shape":
                    shape = ReadSizes(ref reader, name, field, MaxRank);
                    break;
                case "data_offsets":
                    offsets = ReadSizes(ref reader, name, field, 2);
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        if (type is null || shape is null || offsets is not { Count: 2 })
        {
            throw Damaged(name, "its entry lacks dtype, shape or two data_offsets");
        }

        return Check(name, type, shape, offsets[0], offsets[1]);
    }

    private StoredType ReadType(ref Utf8JsonReader reader, string name)
    {
        string? text = reader.TokenType == JsonTokenType.String ? reader.GetString()! : null;
        return text is null
            ? throw Damaged(name, "dtype is not a string")
            : StoredType.Find(text) ?? throw Damaged(name, $"unknown dtype '{text}' (known: {string.Join(", ", StoredType.AllNames)})");
    }

    private List<ulong> ReadSizes(ref Utf8JsonReader reader, string name, string field, int most)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw Damaged(name, $"{field} is not a list");
        }

        List<ulong> sizes = new();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetUInt64(out ulong size) || size > long.MaxValue)
            {
                throw Damaged(name, $"{field} holds something that is not a whole number from 0 to {long.MaxValue}");
            }

            if (sizes.Count == most)
            {
                throw Damaged(name, $"{field} has more than {most} numbers");
            }

            sizes.Add(size);
        }

        return sizes;
    }

    private SafetensorsEntry Check(string name, StoredType type, List<ulong> shape, ulong begin, ulong end)
    {
        UInt128 count = 1;
        foreach (ulong size in shape)
        {
            count *= size;
            if (count * (ulong)type.Bits > long.MaxValue)
            {
                throw Damaged(name, $"shape [{string.Join(", ", shape)}] is larger than any file");
            }
        }

        UInt128 bits = count * (ulong)type.Bits;
        if (bits % 8 != 0)
        {
            throw Damaged(name, $"shape [{string.Join(", ", shape)}] of {type.Name} does not end on a whole byte");
        }

        if (end < begin || end - begin != (ulong)(bits / 8))
        {
            throw Damaged(name, $"shape [{string.Join(", ", shape)}] of {type.Name} takes {bits / 8} bytes, but data_offsets are [{begin}, {end}]");
        }

        return new SafetensorsEntry(name, type, shape.ConvertAll(size => (long)size).ToArray(), (long)count, (long)begin, (long)end);
    }

    private void CheckTiling(long dataLength)
    {
        List<SafetensorsEntry> ordered = _entries.Values.OrderBy(entry => entry.Begin).ThenBy(entry => entry.End).ToList();
        long next = 0;
        foreach (SafetensorsEntry entry in ordered)
        {
            if (entry.Begin != next)
            {
                throw Damaged(entry.Name, $"its data starts at {entry.Begin}, but the tensor before it ends at {next}: tensors overlap or leave a hole");
            }

            next = entry.End;
        }

        if (next != dataLength)
        {
            throw Damaged($"the header describes {next} bytes of data, but {dataLength} follow it");
        }

        Entries = ordered;
    }
}
