using System.Text;

namespace Aperture.Text;

/// <summary>The splitting steps of <c>tokenizer.json</c>. A step takes pieces of text and gives smaller ones.</summary>
internal static class PreTokenizers
{
    /// <summary>GPT-2's words.</summary>
    public const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <summary>Qwen2's words.</summary>
    public const string Qwen2 = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>CLIP's words; what lies between them is dropped.</summary>
    public const string Clip = @"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

    /// <summary>A step.</summary>
    /// <param name="pieces">The pieces so far.</param>
    /// <param name="atStart">Whether the first of them starts the whole text.</param>
    public delegate List<string> Step(List<string> pieces, bool atStart);

    public static Step Read(TokenizerJsonNode node)
    {
        if (node.IsNull)
        {
            return (pieces, _) => pieces;
        }

        switch (node.Type)
        {
            case "Sequence":
                Step[] steps = node.Items("pretokenizers").Select(Read).ToArray();
                return (pieces, atStart) => steps.Aggregate(pieces, (current, step) => step(current, atStart));
            case "ByteLevel":
                return ByteLevel(node.Flag("add_prefix_space") ?? true, node.Flag("use_regex") ?? true ? new(Gpt2, node.Source) : null);
            case "Split":
                return Split(Normalizers.Pattern(node), node.Text("behavior") ?? "Isolated", node.Flag("invert") ?? false, node);
            case "Metaspace":
                return Metaspace(node);
            case "BertPreTokenizer":
                return (pieces, _) => pieces.SelectMany(piece => BertWords(piece, joinsLate: true)).ToList();
            case "Whitespace":
                return Split(new(@"\w+|[^\w\s]+", node.Source), "Removed", invert: true, node);
            case "WhitespaceSplit":
                return Split(new(@"\s+", node.Source), "Removed", invert: false, node);
            case "Punctuation":
                return Split(new(@"[\p{P}$+<=>^`|~]", node.Source), node.Text("behavior") ?? "Isolated", invert: false, node);
            case "Digits":
                return Split(new(node.Flag("individual_digits") ?? false ? @"\p{N}" : @"\p{N}+", node.Source), "Isolated", invert: false, node);
            default:
                throw node.Unsupported("pre-tokenizer");
        }
    }

    public static Step ByteLevel(bool addPrefixSpace, ProxyRegex? words) => (pieces, _) =>
    {
        List<string> result = new();
        foreach (string piece in pieces)
        {
            string text = addPrefixSpace && !piece.StartsWith(' ') ? " " + piece : piece;
            if (words is null)
            {
                result.Add(ByteAlphabet.Encode(text));
                continue;
            }

            int at = 0;
            foreach ((int start, int length) in words.Matches(text))
            {
                if (start > at)
                {
                    result.Add(ByteAlphabet.Encode(text.AsSpan(at, start - at)));
                }

                result.Add(ByteAlphabet.Encode(text.AsSpan(start, length)));
                at = start + length;
            }

            if (at < text.Length)
            {
                result.Add(ByteAlphabet.Encode(text.AsSpan(at)));
            }
        }

        return result;
    };

    /// <summary>Keeps only the matches, as byte characters.</summary>
    public static Step MatchesAsBytes(ProxyRegex words)
        => (pieces, _) => pieces.SelectMany(piece => words.Matches(piece).Select(match => ByteAlphabet.Encode(piece.AsSpan(match.Start, match.Length))))
            .ToList();

    /// <summary>Words at blanks, every punctuation mark a word of its own.</summary>
    /// <param name="text">The text.</param>
    /// <param name="joinsLate">Whether punctuation that Hugging Face's tokenizers do not know stays in its word.</param>
    public static IEnumerable<string> BertWords(string text, bool joinsLate)
    {
        StringBuilder word = new();
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool isBlank = CharacterClass.IsWhiteSpace(rune);
            bool isPunctuation = CharacterClass.IsPunctuation(rune) && !(joinsLate && LateCharacters.HasPunctuation(rune));
            if ((isBlank || isPunctuation) && word.Length > 0)
            {
                yield return word.ToString();
                word.Clear();
            }

            if (isPunctuation)
            {
                yield return rune.ToString();
            }
            else if (!isBlank)
            {
                word.Append(rune.ToString());
            }
        }

        if (word.Length > 0)
        {
            yield return word.ToString();
        }
    }

    public static Step Split(ProxyRegex pattern, string behavior, bool invert, TokenizerJsonNode node)
    {
        if (behavior is not ("Isolated" or "Removed" or "MergedWithPrevious" or "MergedWithNext" or "Contiguous"))
        {
            throw node.Damaged($"the split behaviour '{behavior}'");
        }

        return (pieces, _) =>
        {
            List<string> result = new();
            foreach (string piece in pieces)
            {
                AddParts(piece, pattern, behavior, invert, result);
            }

            return result;
        };
    }

    private static void AddParts(string text, ProxyRegex pattern, string behavior, bool invert, List<string> result)
    {
        List<(int Start, int End, bool IsMatch)> parts = new();
        int at = 0;
        foreach ((int start, int length) in pattern.Matches(text))
        {
            if (start > at)
            {
                parts.Add((at, start, invert));
            }

            parts.Add((start, start + length, !invert));
            at = start + length;
        }

        if (at < text.Length)
        {
            parts.Add((at, text.Length, invert));
        }

        for (int i = 0; i < parts.Count; i++)
        {
            (int start, int end, bool isMatch) = parts[i];
            switch (behavior)
            {
                case "Removed" when isMatch:
                    continue;
                case "MergedWithNext" when isMatch && i + 1 < parts.Count && !parts[i + 1].IsMatch:
                    end = parts[++i].End;
                    break;
                case "MergedWithPrevious" when !isMatch && i + 1 < parts.Count && parts[i + 1].IsMatch:
                    end = parts[++i].End;
                    break;
                case "Contiguous":
                    while (i + 1 < parts.Count && parts[i + 1].IsMatch == isMatch)
                    {
                        end = parts[++i].End;
                    }

                    break;
                default:
                    break;
            }

            result.Add(text[start..end]);
        }
    }

    private static Step Metaspace(TokenizerJsonNode node)
    {
        string blank = node.Text("replacement") ?? "\u2581";
        string scheme = node.Text("prepend_scheme") ?? (node.Flag("add_prefix_space") ?? true ? "always" : "never");
        bool split = node.Flag("split") ?? true;
        return (pieces, atStart) =>
        {
            List<string> result = new();
            for (int i = 0; i < pieces.Count; i++)
            {
                string text = pieces[i].Replace(" ", blank, StringComparison.Ordinal);
                if ((scheme == "always" || (scheme == "first" && atStart && i == 0)) && !text.StartsWith(blank, StringComparison.Ordinal))
                {
                    text = blank + text;
                }

                if (!split)
                {
                    result.Add(text);
                    continue;
                }

                for (int start = 0; start < text.Length;)
                {
                    int next = text.IndexOf(blank, start + 1, StringComparison.Ordinal);
                    next = next < 0 ? text.Length : next;
                    result.Add(text[start..next]);
                    start = next;
                }
            }

            return result;
        };
    }
}
