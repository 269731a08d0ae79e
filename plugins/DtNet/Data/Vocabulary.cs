using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Aperture.Files;
using Aperture.Plugins.DtNet.Model;
using Aperture.Weights;

namespace Aperture.Plugins.DtNet.Data;

/// <summary>
/// The words by their ids: read from the official pickle (an object <c>data.vocab.Vocab</c>), from a JSON list, or from a text file with a word a line.
/// Nothing of a pickle is run.
/// </summary>
internal sealed class Vocabulary
{
    private const int MostWords = 10_000_000;
    private const long LargestFile = 256L << 20;
    private readonly Dictionary<string, int> _ids;

    /// <summary>A vocabulary of words in the order of their ids.</summary>
    /// <param name="words">The words.</param>
    /// <param name="where">File name for messages.</param>
    /// <exception cref="ApertureException">A special word is missing, or a word stands twice.</exception>
    public Vocabulary(IReadOnlyList<string> words, string where)
    {
        Words = words;
        _ids = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach ((int id, string word) in words.Index())
        {
            if (!_ids.TryAdd(word, id))
            {
                throw new ApertureException($"{where}: the word '{word}' stands twice, as {_ids[word]} and {id}; a vocabulary names each word once.");
            }
        }

        int Special(string word) => _ids.TryGetValue(word, out int id)
            ? id
            : throw new ApertureException($"{where}: there is no word {word}; a captioner's vocabulary begins with <unk>, <pad>, <bos> and <eos>.");
        Specials = new SpecialWords(Special("<unk>"), Special("<pad>"), Special("<bos>"), Special("<eos>"));
    }

    /// <summary>The words by id.</summary>
    public IReadOnlyList<string> Words { get; }

    /// <summary>Ids of the words that are none.</summary>
    public SpecialWords Specials { get; }

    /// <summary>How often each word occurred where the vocabulary was made; empty where the file does not say.</summary>
    public IReadOnlyDictionary<string, long> Frequencies { get; private init; } = new Dictionary<string, long>();

    /// <summary>SHA-256 of the words with line feeds between, in small hexadecimal digits: files of the same words in another order differ.</summary>
    public string Hash => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', Words))));

    /// <summary>Reads a vocabulary.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ApertureException">The file is missing or holds no vocabulary.</exception>
    public static Vocabulary Read(string path)
    {
        if (!File.Exists(path))
        {
            throw new ApertureException($"There is no vocabulary '{path}'; give the file that the checkpoint was trained with.");
        }

        return Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".json" => new Vocabulary(ReadJson(path), path),
            ".txt" => new Vocabulary(InputFile.Lines(path, LargestFile), path),
            _ => ReadPickle(path),
        };
    }

    /// <summary>
    /// Makes a vocabulary of captions: the special words, then the others by how often they occur, as often ones in the order of their letters.
    /// </summary>
    /// <param name="captions">The captions' words.</param>
    /// <param name="least">How often a word must occur.</param>
    public static Vocabulary Make(IEnumerable<IReadOnlyList<string>> captions, int least)
    {
        Dictionary<string, int> counts = captions.SelectMany(words => words).CountBy(word => word, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
        string[] specials = ["<unk>", "<pad>", "<bos>", "<eos>"];
        IEnumerable<string> kept = counts.Where(pair => pair.Value >= least && !specials.Contains(pair.Key))
            .OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.Key);
        return new Vocabulary([.. specials, .. kept], "the captions' vocabulary");
    }

    /// <summary>The id of a word; that of the unknown word where it is none.</summary>
    /// <param name="word">The word.</param>
    public int Id(string word) => _ids.GetValueOrDefault(word, Specials.Unknown);

    /// <summary>The ids of a caption between begin and end.</summary>
    /// <param name="words">Its words.</param>
    public int[] Encode(IReadOnlyList<string> words) => [Specials.Begin, .. words.Select(Id), Specials.End];

    /// <summary>The words up to the end.</summary>
    /// <param name="ids">Ids of a caption, without its begin.</param>
    /// <param name="dropRepeats">Whether a word that follows itself is left out, as in the official evaluation.</param>
    public string Decode(IEnumerable<long> ids, bool dropRepeats)
    {
        IEnumerable<string> words = ids.TakeWhile(id => id != Specials.End).Select(id => Words[(int)id]);
        return string.Join(' ', dropRepeats ? WithoutRepeats(words) : words);
    }

    private static IEnumerable<string> WithoutRepeats(IEnumerable<string> words)
    {
        string? before = null;
        foreach (string word in words)
        {
            if (word != before)
            {
                yield return word;
            }

            before = word;
        }
    }

    private static string[] ReadJson(string path)
    {
        try
        {
            return JsonText.Record(InputFile.Bytes(path, LargestFile), DtNetJson.Default.StringArray) ?? throw new JsonException("it is null");
        }
        catch (JsonException error)
        {
            throw new ApertureException($"The vocabulary '{path}' is no JSON list of words; write [\"<unk>\", \"<pad>\", …].", error);
        }
    }

    private static Vocabulary ReadPickle(string path)
    {
        using TorchFile file = TorchFile.Open(path, new WeightFileOptions { Lenient = true, RequireTensors = false });
        if (file.Content is not PickledObject { State: PickledDictionary state }
            || !state.TryGetValue("itos", out object? list)
            || list is not PickledSequence { Count: > 0 and < MostWords } words
            || words.Any(word => word is not string))
        {
            throw new ApertureException(
                $"'{path}' holds no vocabulary: its pickle is no object with a list of words (itos); give vocab_transformer_grid.pkl or alike.");
        }

        Dictionary<string, long> frequencies = state.TryGetValue("freqs", out object? counts) && counts is PickledDictionary known
            ? known.Where(pair => pair is { Key: string, Value: long })
                .ToDictionary(pair => (string)pair.Key!, pair => (long)pair.Value!, StringComparer.Ordinal)
            : [];
        return new Vocabulary([.. words.Cast<string>()], path) { Frequencies = frequencies };
    }
}
