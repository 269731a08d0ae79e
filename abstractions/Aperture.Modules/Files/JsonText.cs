using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;

namespace Aperture.Files;

/// <summary>
/// Opens JSON of other people, and nothing else does. A byte-order mark is passed over. Text that is empty, is no UTF-8, has half of a surrogate pair in an
/// escape or a key twice in one object is refused: the parser notices bad text only where somebody reads it, and of two keys it takes the last.
/// </summary>
public static class JsonText
{
    /// <summary>The largest file that a configuration may have, in bytes.</summary>
    public const long LargestConfiguration = 64 << 20;

    private const int Depth = 64;
    private const int LongestName = 60;

    /// <summary>Parses bytes.</summary>
    /// <param name="json">UTF-8, with or without a byte-order mark.</param>
    /// <param name="depth">How deep values may be nested.</param>
    /// <returns>The document, in which every text can be read and no key stands twice. The caller disposes it.</returns>
    /// <exception cref="JsonException">It cannot be; the message is the reason alone, on one line and without a full stop.</exception>
    public static JsonDocument Parse(ReadOnlyMemory<byte> json, int depth = Depth)
    {
        ReadOnlyMemory<byte> content = Content(json);
        try
        {
            return JsonDocument.Parse(content, new JsonDocumentOptions { MaxDepth = depth, AllowDuplicateProperties = false });
        }
        catch (JsonException error)
        {
            string reason = DuplicateKey(content.Span, depth) is { } key ? $"the key '{key}' stands twice in one object" : Reason(error);
            throw new JsonException(reason, error.Path, error.LineNumber, error.BytePositionInLine, error);
        }
    }

    /// <summary>Parses a text.</summary>
    /// <param name="json">The text.</param>
    /// <returns>The document. The caller disposes it.</returns>
    /// <exception cref="JsonException">As for bytes.</exception>
    public static JsonDocument Parse(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            return Parse(new UTF8Encoding(false, throwOnInvalidBytes: true).GetBytes(json));
        }
        catch (EncoderFallbackException error)
        {
            throw new JsonException("it has half of a surrogate pair", error);
        }
    }

    /// <summary>The JSON of bytes for a reader that is no document's: the same rules, but for keys that stand twice, which that reader has to refuse.</summary>
    /// <param name="json">UTF-8, with or without a byte-order mark.</param>
    /// <returns>The bytes without the mark.</returns>
    /// <exception cref="JsonException">The bytes are empty or no UTF-8, or an escape is half of a surrogate pair; the message is the reason alone.</exception>
    public static ReadOnlyMemory<byte> Content(ReadOnlyMemory<byte> json)
    {
        ReadOnlySpan<byte> bytes = json.Span;
        if (bytes.Length > 1 && (bytes is [0xfe, 0xff, ..] or [0xff, 0xfe, ..] || (bytes[0] == 0) != (bytes[1] == 0)))
        {
            throw new JsonException("it is UTF-16 or UTF-32 text, not UTF-8; save it as UTF-8");
        }

        int mark = bytes is [0xef, 0xbb, 0xbf, ..] ? 3 : 0;
        bytes = bytes[mark..];
        if (bytes.Trim(" \t\r\n"u8).IsEmpty)
        {
            throw new JsonException("it is empty");
        }

        if (!Utf8.IsValid(bytes))
        {
            throw At("bytes that are not UTF-8", bytes, FirstInvalid(bytes));
        }

        if (HalfSurrogate(bytes) is >= 0 and int half)
        {
            throw At("an escape that is half of a surrogate pair", bytes, half);
        }

        return json[mark..];
    }

    /// <summary>Reads a record.</summary>
    /// <param name="json">UTF-8, with or without a byte-order mark.</param>
    /// <param name="type">What the text has to be.</param>
    /// <exception cref="JsonException">It is no JSON or no such record.</exception>
    public static T? Record<T>(ReadOnlyMemory<byte> json, JsonTypeInfo<T> type)
    {
        Parse(json).Dispose();
        return JsonSerializer.Deserialize(Content(json).Span, type);
    }

    /// <summary>Opens a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="largest">The most bytes it may have.</param>
    /// <returns>The document. The caller disposes it.</returns>
    /// <exception cref="ApertureException">The file cannot be read, is too large, or is no JSON; the message names it and the reason.</exception>
    public static JsonDocument Open(string path, long largest = LargestConfiguration)
    {
        byte[] bytes = InputFile.Bytes(path, largest);
        try
        {
            return Parse(bytes);
        }
        catch (JsonException error)
        {
            throw new ApertureException($"{path} is not valid JSON: {error.Message}; fetch the file again or mend it.", error);
        }
    }

    // The parser's own text ends with its position, counted from zero; ours begins with it and counts from one, as editors do.
    private static string Reason(JsonException error)
    {
        string text = Plain(error.Message.ReplaceLineEndings(" ")); // pieces of the file stand in it
        int tail = text.IndexOf(" LineNumber:", StringComparison.Ordinal);
        string reason = (tail < 0 ? text : text[..tail]).TrimEnd('.', ' ');
        return error.LineNumber is { } line ? $"line {line + 1}, byte {(error.BytePositionInLine ?? 0) + 1}: {reason}" : reason;
    }

    // The first key that stands twice in its object; null where none does. Asked only where a document was refused.
    private static string? DuplicateKey(ReadOnlySpan<byte> json, int depth)
    {
        Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = depth });
        Stack<HashSet<string>> open = new();
        try
        {
            while (reader.Read())
            {
                switch (reader.TokenType)
                {
                    case JsonTokenType.StartObject:
                        open.Push(new HashSet<string>(StringComparer.Ordinal));
                        break;
                    case JsonTokenType.EndObject:
                        open.Pop();
                        break;
                    case JsonTokenType.PropertyName when !open.Peek().Add(reader.GetString()!):
                        return Short(reader.GetString()!);
                }
            }
        }
        catch (JsonException)
        {
            return null; // refused for another reason, which its own error tells
        }

        return null;
    }

    private static JsonException At(string what, ReadOnlySpan<byte> bytes, int offset)
    {
        int line = bytes[..offset].Count((byte)'\n') + 1;
        int start = bytes[..offset].LastIndexOf((byte)'\n') + 1;
        return new JsonException($"it has {what} in line {line}, byte {offset - start + 1}", null, line - 1, offset - start);
    }

    private static int FirstInvalid(ReadOnlySpan<byte> bytes)
    {
        int offset = 0;
        while (Rune.DecodeFromUtf8(bytes[offset..], out _, out int length) == System.Buffers.OperationStatus.Done)
        {
            offset += length;
        }

        return offset;
    }

    // Where an escape \ud800 to \udfff stands without its partner; -1 where none does.
    private static int HalfSurrogate(ReadOnlySpan<byte> bytes)
    {
        for (int at = Next(bytes, 0); at >= 0;)
        {
            int unit = Escaped(bytes, at);
            bool first = unit is >= 0xd800 and < 0xdc00;
            if (unit is >= 0xdc00 and < 0xe000 || (first && Escaped(bytes, at + 6) is not (>= 0xdc00 and < 0xe000)))
            {
                return at;
            }

            at = Next(bytes, at + (first ? 12 : 2));
        }

        return -1;
    }

    private static int Next(ReadOnlySpan<byte> bytes, int from)
        => from < bytes.Length && bytes[from..].IndexOf((byte)'\\') is >= 0 and int further ? from + further : -1;

    private static int Escaped(ReadOnlySpan<byte> bytes, int at)
        => at + 6 <= bytes.Length && bytes[at] == '\\' && bytes[at + 1] == 'u'
            && int.TryParse(bytes.Slice(at + 2, 4), System.Globalization.NumberStyles.AllowHexSpecifier, null, out int unit) ? unit : -1;

    private static string Plain(string text) => string.Concat(text.Select(c => char.IsControl(c) ? '\uFFFD' : c));

    private static string Short(string name)
    {
        string plain = Plain(name);
        return plain.Length <= LongestName ? plain : plain[..LongestName] + "…";
    }
}
