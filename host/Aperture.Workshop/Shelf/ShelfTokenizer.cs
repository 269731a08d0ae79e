using System.Text.Json;

namespace Aperture.Workshop;

/// <summary>
/// The small model's tokenizer: byte-pair encoding over bytes after lower-casing, in which every word of the questions and answers is one token and every
/// other text falls
/// back to bytes. Written as a <c>tokenizer.json</c> of the usual form; this class encodes only the closed vocabulary that training needs.
/// </summary>
public sealed class ShelfTokenizer
{
    private const string Blank = "\u0120";
    private static readonly string[] _words =
    [
        "assistant", "what", "where", "how", "many", "is", "are", "there", "in", "the", "a", "color", "item", "left", "right", "of", "top", "middle",
        "bottom", "center",
        "nothing", "nowhere", "yes", "no",
    ];

    private readonly Dictionary<string, int> _ids = [];
    private readonly List<string> _tokens = [];
    private readonly List<(string Left, string Right)> _merges = [];

    /// <summary>Builds the vocabulary; always the same.</summary>
    /// <param name="words">Words beside those of all shelves, a set's own; null for none. Their ids follow all others'.</param>
    public ShelfTokenizer(IReadOnlyList<string>? words = null)
    {
        Add("<unk>");
        Add("<s>");
        Add("</s>");
        foreach (char symbol in ByteSymbols())
        {
            Add(symbol.ToString());
        }

        // Words that follow a blank first: their merges come before all others, so nothing can break them up from within.
        foreach (string word in _words.Concat(ShelfWords.Kinds).Concat(ShelfWords.Colors).Concat(ShelfWords.Numbers))
        {
            AddWord(Blank + word);
        }

        int behindBlank = _merges.Count;
        foreach (string word in (string[])["user", "what", "where", "how", "is", "es"])
        {
            AddWord(word);
        }

        ImageToken = Add("<image>");
        PadToken = Add("<pad>");

        // Ids of a set's own words come last, but their merges stand with those of the other words behind a blank.
        foreach (string word in words ?? [])
        {
            AddWord(Blank + word, ref behindBlank);
        }
    }

    /// <summary>Number of tokens.</summary>
    public int Count => _tokens.Count;

    /// <summary>Id of <c>&lt;s&gt;</c>.</summary>
    public int BeginToken => 1;

    /// <summary>Id of <c>&lt;/s&gt;</c>.</summary>
    public int EndToken => 2;

    /// <summary>Id of <c>&lt;image&gt;</c>.</summary>
    public int ImageToken { get; }

    /// <summary>Id of <c>&lt;pad&gt;</c>.</summary>
    public int PadToken { get; }

    /// <summary>Id of a word as it stands behind a blank.</summary>
    /// <param name="word">A word of the vocabulary.</param>
    public int Word(string word) => _ids[Blank + word];

    /// <summary>Token ids of a text of the closed vocabulary, without begin and end.</summary>
    /// <param name="text">Words, blanks, line ends, colons, commas and question marks.</param>
    /// <exception cref="ArgumentException">A word is not in the vocabulary.</exception>
    public int[] Encode(string text)
    {
        List<int> ids = [];
        string lower = text.ToLowerInvariant();
        for (int at = 0; at < lower.Length;)
        {
            int letters = lower[at] == ' ' ? at + 1 : at;
            int end = letters;
            while (end < lower.Length && char.IsAsciiLetter(lower[end]))
            {
                end++;
            }

            if (end == letters)
            {
                ids.Add(_ids[lower[at] == ' ' ? Blank : lower[at] == '\n' ? "\u010A" : lower[at].ToString()]);
                at++;
                continue;
            }

            AddWordIds(ids, (letters > at ? Blank : "") + lower[letters..end], lower);
            at = end;
        }

        return [.. ids];
    }

    /// <summary>Writes <c>tokenizer.json</c>.</summary>
    /// <param name="path">The file.</param>
    public void Write(string path)
    {
        using FileStream file = File.Create(path);
        using Utf8JsonWriter json = new(file, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteString("version", "1.0");
        json.WriteNull("truncation");
        json.WriteNull("padding");
        json.WriteStartArray("added_tokens");
        foreach (string token in (string[])["<unk>", "<s>", "</s>", "<image>", "<pad>"])
        {
            json.WriteStartObject();
            json.WriteNumber("id", _ids[token]);
            json.WriteString("content", token);
            json.WriteBoolean("single_word", false);
            json.WriteBoolean("lstrip", false);
            json.WriteBoolean("rstrip", false);
            json.WriteBoolean("normalized", false);
            json.WriteBoolean("special", true);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        WriteType(json, "normalizer", "Lowercase");
        json.WriteEndObject();
        WriteByteLevel(json, "pre_tokenizer");
        WriteTemplate(json);
        WriteByteLevel(json, "decoder");
        WriteModel(json);
        json.WriteEndObject();
    }

    private static void WriteType(Utf8JsonWriter json, string name, string type)
    {
        json.WriteStartObject(name);
        json.WriteString("type", type);
    }

    private static void WriteByteLevel(Utf8JsonWriter json, string name)
    {
        WriteType(json, name, "ByteLevel");
        json.WriteBoolean("add_prefix_space", false);
        json.WriteBoolean("trim_offsets", true);
        json.WriteBoolean("use_regex", true);
        json.WriteEndObject();
    }

    // <s> in front of a single text, and in front of the first of two.
    private void WriteTemplate(Utf8JsonWriter json)
    {
        WriteType(json, "post_processor", "TemplateProcessing");
        foreach ((string name, string[] sequences) in ((string, string[])[])[("single", ["A"]), ("pair", ["A", "B"])])
        {
            json.WriteStartArray(name);
            json.WriteStartObject();
            json.WriteStartObject("SpecialToken");
            json.WriteString("id", "<s>");
            json.WriteNumber("type_id", 0);
            json.WriteEndObject();
            json.WriteEndObject();
            for (int i = 0; i < sequences.Length; i++)
            {
                json.WriteStartObject();
                json.WriteStartObject("Sequence");
                json.WriteString("id", sequences[i]);
                json.WriteNumber("type_id", i);
                json.WriteEndObject();
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        json.WriteStartObject("special_tokens");
        json.WriteStartObject("<s>");
        json.WriteString("id", "<s>");
        json.WriteStartArray("ids");
        json.WriteNumberValue(BeginToken);
        json.WriteEndArray();
        json.WriteStartArray("tokens");
        json.WriteStringValue("<s>");
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private void WriteModel(Utf8JsonWriter json)
    {
        WriteType(json, "model", "BPE");
        json.WriteNull("dropout");
        json.WriteString("unk_token", "<unk>");
        json.WriteNull("continuing_subword_prefix");
        json.WriteNull("end_of_word_suffix");
        json.WriteBoolean("fuse_unk", false);
        json.WriteBoolean("byte_fallback", false);
        json.WriteStartObject("vocab");
        for (int id = 0; id < _tokens.Count; id++)
        {
            json.WriteNumber(_tokens[id], id);
        }

        json.WriteEndObject();
        json.WriteStartArray("merges");
        foreach ((string left, string right) in _merges)
        {
            json.WriteStringValue($"{left} {right}");
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private void AddWordIds(List<int> ids, string word, string text)
    {
        if (_ids.TryGetValue(word, out int id))
        {
            ids.Add(id);
            return;
        }

        string suffix = word.EndsWith("es", StringComparison.Ordinal) && _ids.ContainsKey(word[..^2]) ? "es" : "s";
        if (!word.EndsWith(suffix, StringComparison.Ordinal) || !_ids.TryGetValue(word[..^suffix.Length], out int stem))
        {
            throw new ArgumentException($"'{word}' of '{text}' is not in the vocabulary.", nameof(text));
        }

        ids.Add(stem);
        ids.Add(_ids[suffix]);
    }

    private int Add(string token)
    {
        _ids[token] = _tokens.Count;
        _tokens.Add(token);
        return _tokens.Count - 1;
    }

    private void AddWord(string word)
    {
        int last = _merges.Count;
        AddWord(word, ref last);
    }

    private void AddWord(string word, ref int place)
    {
        for (int length = 2; length <= word.Length; length++)
        {
            string token = word[..length];
            if (!_ids.ContainsKey(token))
            {
                Add(token);
                _merges.Insert(place++, (word[..(length - 1)], word[(length - 1)..length]));
            }
        }
    }

    // The printable stand-ins of the 256 bytes that byte-level vocabularies share.
    private static IEnumerable<char> ByteSymbols()
    {
        int next = 256;
        for (int value = 0; value < 256; value++)
        {
            bool printable = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            yield return printable ? (char)value : (char)next++;
        }
    }
}
