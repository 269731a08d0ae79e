using System.Text;
using System.Text.RegularExpressions;

namespace Aperture.Text;

/// <summary>The normalisation steps of <c>tokenizer.json</c>, each a function from text to text.</summary>
internal static class Normalizers
{
    public static Func<string, string> Read(TokenizerJsonNode node)
    {
        if (node.IsNull)
        {
            return text => text;
        }

        switch (node.Type)
        {
            case "Sequence":
                Func<string, string>[] steps = node.Items("normalizers").Select(Read).ToArray();
                return text => steps.Aggregate(text, (current, step) => step(current));
            case "NFC":
                return UnicodeText.Nfc;
            case "NFD":
                return UnicodeText.Nfd;
            case "NFKC":
                return UnicodeText.Nfkc;
            case "NFKD":
                return UnicodeText.Nfkd;
            case "Lowercase":
                return text => UnicodeText.Lower(text, finalSigma: false);
            case "StripAccents":
                return text => UnicodeText.WithoutMarks(text, keepsLate: true);
            case "Prepend":
                string prefix = node.Text("prepend") ?? throw node.Damaged("a Prepend step without a text");
                return text => text.Length == 0 ? text : prefix + text;
            case "Replace":
                return Replace(node);
            case "Strip":
                (bool left, bool right) = (node.Flag("strip_left") ?? true, node.Flag("strip_right") ?? true);
                return text => left && right ? text.Trim() : left ? text.TrimStart() : right ? text.TrimEnd() : text;
            case "Precompiled":
                return Precompiled(node);
            case "BertNormalizer":
                bool lower = node.Flag("lowercase") ?? true;
                return Bert(node.Flag("clean_text") ?? true, node.Flag("handle_chinese_chars") ?? true, node.Flag("strip_accents") ?? lower, lower);
            default:
                throw node.Unsupported("normaliser");
        }
    }

    /// <summary>BERT's cleaning as the fast tokenizer does it.</summary>
    public static Func<string, string> Bert(bool clean, bool ideographs, bool stripAccents, bool lower) => text =>
    {
        text = clean || ideographs ? CharacterClass.Clean(text, ideographs, dropUnassigned: false, clean) : text;
        text = stripAccents ? UnicodeText.WithoutMarks(UnicodeText.Nfd(text), keepsLate: true) : text;
        return lower ? UnicodeText.Lower(text, finalSigma: false) : text;
    };

    /// <summary>A pattern as <c>{"String": …}</c> or <c>{"Regex": …}</c>.</summary>
    public static ProxyRegex Pattern(TokenizerJsonNode node) => node["pattern"].Text("String") is { } literal
        ? new(Regex.Escape(literal), node.Source)
        : new(node["pattern"].Text("Regex") ?? throw node.Damaged("a pattern that is neither String nor Regex"), node.Source);

    /// <summary>Replaces every match.</summary>
    public static Func<string, string> Replace(TokenizerJsonNode node)
    {
        string content = node.Text("content") ?? "";
        if (node["pattern"].Text("String") is { Length: > 0 } literal)
        {
            return text => text.Replace(literal, content, StringComparison.Ordinal);
        }

        ProxyRegex pattern = Pattern(node);
        return text => Replace(text, pattern, content);
    }

    public static string Replace(string text, ProxyRegex pattern, string content)
    {
        StringBuilder result = new System.Text.StringBuilder(text.Length);
        int at = 0;
        foreach ((int start, int length) in pattern.Matches(text))
        {
            result.Append(text, at, start - at).Append(content);
            at = start + length;
        }

        return result.Append(text, at, text.Length - at).ToString();
    }

    private static Func<string, string> Precompiled(TokenizerJsonNode node)
    {
        string encoded = node.Text("precompiled_charsmap") ?? "";
        byte[] blob = new byte[encoded.Length];
        if (!Convert.TryFromBase64String(encoded, blob, out int count))
        {
            throw node.Damaged("a normalisation table that is no base64");
        }

        return count == 0 ? text => text : new CharacterMap(blob.AsSpan(0, count), node.Source).Apply;
    }
}
