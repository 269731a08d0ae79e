using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Aperture.Files;

namespace Aperture.Text;

/// <summary>
/// A vocabulary in the layout of CLIP's tokenizer in which each of some words is one token, for a model that begins: <c>vocab.json</c>, <c>merges.txt</c> and
/// <c>tokenizer_config.json</c>. Any other word is made of its pieces, as with CLIP's own.
/// </summary>
public sealed class ClipVocabulary
{
    private const string Start = "<|startoftext|>", End = "<|endoftext|>", WordEnd = "</w>";
    private const int Bytes = 256;

    private ClipVocabulary(IReadOnlyList<string> tokens, IReadOnlyList<(string Left, string Right)> merges) => (Tokens, Merges) = (tokens, merges);

    /// <summary>The tokens by their ids; the last two start and end a text.</summary>
    public IReadOnlyList<string> Tokens { get; }

    /// <summary>Which tokens are joined, in order.</summary>
    public IReadOnlyList<(string Left, string Right)> Merges { get; }

    /// <summary>Makes a vocabulary: joins the most frequent neighbours until every word is one token, as byte-pair encoding is trained.</summary>
    /// <param name="words">The words, in lower case.</param>
    public static ClipVocabulary Make(IEnumerable<string> words)
    {
        List<List<string>> spelt = [.. words.Where(word => word.Length > 0).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Select(Spell)];
        List<(string Left, string Right)> merges = [];
        while (spelt.Any(word => word.Count > 1))
        {
            (string Left, string Right) merge = spelt.SelectMany(word => word.Zip(word.Skip(1))).CountBy(pair => pair)
                .OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key.First, StringComparer.Ordinal)
                .ThenBy(pair => pair.Key.Second, StringComparer.Ordinal).First().Key;
            merges.Add(merge);
            spelt.ForEach(word => Join(word, merge));
        }

        string[] letters = [.. Enumerable.Range(0, Bytes).Select(value => ByteAlphabet.Of(value).ToString()).Order(StringComparer.Ordinal)];
        return new ClipVocabulary(
            [.. letters, .. letters.Select(letter => letter + WordEnd), .. merges.Select(merge => merge.Left + merge.Right), Start, End], merges);
    }

    /// <summary>Makes a vocabulary of the words and marks of sentences, told apart as CLIP's tokenizer does.</summary>
    /// <param name="sentences">The sentences.</param>
    public static ClipVocabulary OfSentences(IEnumerable<string> sentences)
        => Make(sentences.SelectMany(
            sentence => Regex.Matches(sentence.ToLowerInvariant(), @"\p{L}+|\p{N}|[^\s\p{L}\p{N}]+").Select(match => match.Value)));

    /// <summary>Writes the files.</summary>
    /// <param name="folder">Created if absent.</param>
    /// <param name="longest">Tokens of the longest text, both ends among them.</param>
    public void Write(string folder, int longest)
    {
        Directory.CreateDirectory(folder);
        Dictionary<string, int> ids = Tokens.Index().ToDictionary(token => token.Item, token => token.Index, StringComparer.Ordinal);
        AtomicFile.Write(Path.Combine(folder, "vocab.json"), JsonSerializer.SerializeToUtf8Bytes(ids));
        AtomicFile.Write(
            Path.Combine(folder, "merges.txt"),
            Encoding.UTF8.GetBytes("#version: 0.2\n" + string.Concat(Merges.Select(merge => $"{merge.Left} {merge.Right}\n"))));
        Dictionary<string, object> config = new()
        {
            ["tokenizer_class"] = "CLIPTokenizer",
            ["bos_token"] = Start,
            ["eos_token"] = End,
            ["pad_token"] = End,
            ["unk_token"] = End,
            ["model_max_length"] = longest,
        };
        AtomicFile.Write(Path.Combine(folder, "tokenizer_config.json"), JsonSerializer.SerializeToUtf8Bytes(config));
    }

    private static List<string> Spell(string word)
    {
        List<string> letters = [.. ByteAlphabet.Encode(word).Select(letter => letter.ToString())];
        letters[^1] += WordEnd;
        return letters;
    }

    private static void Join(List<string> word, (string Left, string Right) merge)
    {
        for (int i = 0; i + 1 < word.Count; i++)
        {
            if (word[i] == merge.Left && word[i + 1] == merge.Right)
            {
                word[i] += merge.Right;
                word.RemoveAt(i + 1);
            }
        }
    }
}
