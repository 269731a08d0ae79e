using System.Text;
using System.Text.Json;
using Aperture.Files;
using Aperture.Pipelines;

namespace Aperture.Plugins;

/// <summary>Reads plugins.json token by token, so that every refusal can name its line and column.</summary>
internal ref struct PluginCatalogReader
{
    private const string EntryProperties = "id, folder, enabled, options";

    private readonly ReadOnlySpan<byte> _json;
    private readonly string _file;
    private Utf8JsonReader _reader;

    private PluginCatalogReader(ReadOnlySpan<byte> json, string file)
    {
        _json = json;
        _file = file;
        _reader = new Utf8JsonReader(json, new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
    }

    public static List<PluginEntry> Read(ReadOnlySpan<byte> json, string file)
    {
        try
        {
            json = JsonText.Content(json.ToArray()).Span;
        }
        catch (JsonException error)
        {
            throw new ApertureException(
                $"{file}:{(error.LineNumber ?? 0) + 1}:{(error.BytePositionInLine ?? 0) + 1}: not valid JSON: {error.Message}.", error);
        }

        PluginCatalogReader reader = new(json, file);
        try
        {
            return reader.ReadFile();
        }
        catch (JsonException error)
        {
            // The reader's own text ends with its position, counted from zero; ours counts from one as editors do.
            string text = error.Message;
            int tail = text.IndexOf(" LineNumber:", StringComparison.Ordinal);
            string reason = (tail < 0 ? text : text[..tail]).TrimEnd('.', ' ');
            long line = (error.LineNumber ?? 0) + 1;
            throw new ApertureException($"{file}:{line}:{reader.Column(line, error.BytePositionInLine ?? 0)}: not valid JSON: {Plain(reason)}.", error);
        }
    }

    private List<PluginEntry> ReadFile()
    {
        List<PluginEntry>? entries = null;
        _reader.Read();
        Expect(JsonTokenType.StartObject, "an object with the property plugins");
        while (_reader.Read() && _reader.TokenType != JsonTokenType.EndObject)
        {
            string name = _reader.GetString()!;
            if (name != "plugins")
            {
                throw Refuse($"unknown property '{name}'; the file has one property, plugins");
            }

            if (entries is not null)
            {
                throw Refuse("the property plugins stands twice");
            }

            entries = ReadEntries();
        }

        // Read once more: text after the object is an error that the reader reports.
        _reader.Read();
        return entries ?? throw Refuse("the property plugins is missing");
    }

    private List<PluginEntry> ReadEntries()
    {
        List<PluginEntry> entries = [];
        HashSet<string> ids = new(StringComparer.OrdinalIgnoreCase);
        _reader.Read();
        Expect(JsonTokenType.StartArray, "an array of plugins");
        while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
        {
            entries.Add(ReadEntry(ids));
        }

        return entries;
    }

    private PluginEntry ReadEntry(HashSet<string> ids)
    {
        Expect(JsonTokenType.StartObject, $"an object with {EntryProperties}");
        long start = _reader.TokenStartIndex;
        string? id = null;
        string? folder = null;
        bool enabled = true;
        JsonElement options = default;
        HashSet<string> seen = [];
        while (_reader.Read() && _reader.TokenType != JsonTokenType.EndObject)
        {
            string name = _reader.GetString()!;
            if (!seen.Add(name))
            {
                throw Refuse($"the property {name} stands twice");
            }

            switch (name)
            {
                case "id":
                    id = ReadText(name);
                    if (!IsId(id))
                    {
                        throw Refuse($"id '{id}' must consist of letters, digits, dots, dashes and underscores and begin with a letter or digit");
                    }

                    if (!ids.Add(id))
                    {
                        throw Refuse($"id '{id}' is given to two plugins");
                    }

                    break;
                case "folder":
                    folder = ReadText(name);
                    if (folder.Any(char.IsControl))
                    {
                        throw Refuse("folder must be a path without control characters");
                    }

                    break;
                case "enabled":
                    _reader.Read();
                    enabled = _reader.TokenType is JsonTokenType.True or JsonTokenType.False
                        ? _reader.GetBoolean()
                        : throw Refuse("enabled must be true or false");
                    break;
                case "options":
                    _reader.Read();
                    Expect(JsonTokenType.StartObject, "an object of options");
                    options = JsonElement.ParseValue(ref _reader);
                    if (options.EnumerateObject().CountBy(o => o.Name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(o => o.Value > 1).Key is { } twice)
                    {
                        throw Refuse($"the option {twice} of {id ?? "a plugin"} stands twice");
                    }

                    break;
                default:
                    throw Refuse($"unknown property '{name}'; a plugin has {EntryProperties}");
            }
        }

        if (id is null || string.IsNullOrWhiteSpace(folder))
        {
            throw Refuse(start, $"a plugin needs {(id is null ? "an id" : "a folder")}");
        }

        return new PluginEntry(id, FullPath(folder), enabled, options);
    }

    // A bare name is a folder under plugins/ beside the file; anything else is a path from the file's folder.
    private readonly string FullPath(string folder)
    {
        string home = Path.GetDirectoryName(Path.GetFullPath(_file))!;
        bool bare = !folder.Contains('/') && !folder.Contains(Path.DirectorySeparatorChar) && folder is not ("." or "..");
        return Path.TrimEndingDirectorySeparator(Path.GetFullPath(bare ? Path.Combine(home, "plugins", folder) : Path.Combine(home, folder)));
    }

    private string ReadText(string name)
    {
        _reader.Read();
        return _reader.TokenType == JsonTokenType.String ? _reader.GetString()! : throw Refuse($"{name} must be text");
    }

    private static bool IsId(string id) =>
        id.Length is > 0 and <= 64 && char.IsAsciiLetterOrDigit(id[0]) && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');

    private readonly void Expect(JsonTokenType type, string what)
    {
        if (_reader.TokenType != type)
        {
            throw Refuse($"expected {what}");
        }
    }

    private readonly ApertureException Refuse(string reason) => Refuse(_reader.TokenStartIndex, reason);

    private readonly ApertureException Refuse(long offset, string reason)
    {
        ReadOnlySpan<byte> before = _json[..(int)Math.Min(offset, _json.Length)];
        int line = before.Count((byte)'\n') + 1;
        int lineStart = before.LastIndexOf((byte)'\n') + 1;
        return new ApertureException($"{_file}:{line}:{Encoding.UTF8.GetCharCount(before[lineStart..]) + 1}: {Plain(reason)}.");
    }

    // Pieces of the file stand in it.
    private static string Plain(string reason) => string.Concat(reason.Select(c => char.IsControl(c) ? '\uFFFD' : c));

    private readonly int Column(long line, long bytes)
    {
        ReadOnlySpan<byte> rest = _json;
        for (long i = 1; i < line; i++)
        {
            rest = rest[(rest.IndexOf((byte)'\n') + 1)..];
        }

        return Encoding.UTF8.GetCharCount(rest[..(int)Math.Min(bytes, rest.Length)]) + 1;
    }
}
