using System.Text;

namespace Aperture.Text;

/// <summary>The decoding steps of <c>tokenizer.json</c>. A step takes tokens and gives texts; the results of the last one are joined.</summary>
internal static class TokenDecoders
{
    public static Func<List<string>, List<string>> Read(TokenizerJsonNode node)
    {
        if (node.IsNull)
        {
            return tokens => [string.Join(' ', tokens)];
        }

        switch (node.Type)
        {
            case "Sequence":
                Func<List<string>, List<string>>[] steps = node.Items("decoders").Select(Read).ToArray();
                return tokens => steps.Aggregate(tokens, (current, step) => step(current));
            case "ByteLevel":
                return ByteLevel;
            case "WordPiece":
                return WordPiece(node.Text("prefix") ?? "##", node.Flag("cleanup") ?? true);
            case "BPEDecoder":
                return EndOfWord(node.Text("suffix") ?? "</w>");
            case "Metaspace":
                return Metaspace(
                    node.Text("replacement") ?? "\u2581",
                    (node.Text("prepend_scheme") ?? (node.Flag("add_prefix_space") ?? true ? "always" : "never")) != "never");
            case "Replace":
                Func<string, string> replace = Normalizers.Replace(node);
                return tokens => tokens.ConvertAll(token => replace(token));
            case "ByteFallback":
                return ByteFallback;
            case "Fuse":
                return tokens => [string.Concat(tokens)];
            case "Strip":
                return Strip(node.Text("content") is [var content] ? content : ' ', node.Number("start") ?? 0, node.Number("stop") ?? 0);
            default:
                throw node.Unsupported("decoder");
        }
    }

    public static List<string> ByteLevel(List<string> tokens)
    {
        List<byte> bytes = new();
        foreach (string token in tokens)
        {
            ByteAlphabet.Decode(token, bytes);
        }

        return [Encoding.UTF8.GetString([.. bytes])];
    }

    public static Func<List<string>, List<string>> WordPiece(string prefix, bool cleanUp) => tokens =>
    {
        List<string> result = new(tokens.Count);
        for (int i = 0; i < tokens.Count; i++)
        {
            string text = i == 0 ? tokens[i] : tokens[i].StartsWith(prefix, StringComparison.Ordinal) ? tokens[i][prefix.Length..] : " " + tokens[i];
            result.Add(cleanUp ? DecodedText.CleanUp(text) : text);
        }

        return result;
    };

    private static Func<List<string>, List<string>> EndOfWord(string suffix) => tokens =>
        tokens.Select((token, i) => token.Replace(suffix, i == tokens.Count - 1 ? "" : " ", StringComparison.Ordinal)).ToList();

    private static Func<List<string>, List<string>> Metaspace(string blank, bool strip) => tokens =>
        tokens.Select((token, i) =>
        {
            string text = token.Replace(blank, " ", StringComparison.Ordinal);
            return strip && i == 0 && text.StartsWith(' ') ? text[1..] : text;
        }).ToList();

    private static Func<List<string>, List<string>> Strip(char content, int start, int stop) => tokens => tokens.ConvertAll(token =>
    {
        int from = 0;
        while (from < token.Length && from < start && token[from] == content)
        {
            from++;
        }

        int to = token.Length;
        while (to > from && token.Length - to < stop && token[to - 1] == content)
        {
            to--;
        }

        return token[from..to];
    });

    /// <summary>Joins runs of byte tokens; a run that is no UTF-8 becomes one U+FFFD for each byte.</summary>
    private static List<string> ByteFallback(List<string> tokens)
    {
        List<string> result = new(tokens.Count);
        List<byte> bytes = new();
        foreach (string token in tokens)
        {
            if (token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
                && byte.TryParse(token.AsSpan(3, 2), System.Globalization.NumberStyles.AllowHexSpecifier, null, out byte value))
            {
                bytes.Add(value);
                continue;
            }

            Flush(bytes, result);
            result.Add(token);
        }

        Flush(bytes, result);
        return result;
    }

    private static void Flush(List<byte> bytes, List<string> result)
    {
        if (bytes.Count > 0)
        {
            byte[] run = [.. bytes];
            result.Add(System.Text.Unicode.Utf8.IsValid(run) ? Encoding.UTF8.GetString(run) : new string('\uFFFD', run.Length));
            bytes.Clear();
        }
    }
}
