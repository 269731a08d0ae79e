using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Aperture.Measuring;

namespace Aperture.Text;

/// <summary>Reads <c>vocab.json</c>, <c>vocab.txt</c>, <c>merges.txt</c> and OpenAI's packed list of merges.</summary>
internal static class VocabularyFiles
{
    /// <summary>How many of the lines of OpenAI's list are merges; the rest is left over.</summary>
    private const int OpenAiMerges = 48_894;

    private const int MaxUnpackedBytes = 64 << 20;

    public static TokenTable ReadJson(string path)
    {
        using JsonDocument document = TokenizerFiles.ReadJson(path);
        return ReadMap(new(document.RootElement, path));
    }

    /// <summary>A JSON object from token to id.</summary>
    public static TokenTable ReadMap(TokenizerJsonNode node)
    {
        if (node.Json.ValueKind != JsonValueKind.Object)
        {
            throw node.Damaged("no map from token to id");
        }

        TokenTable table = new();
        foreach (JsonProperty entry in node.Json.EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetInt32(out int id))
            {
                throw node.Damaged($"no valid id for the token '{entry.Name}'");
            }

            table.Add(entry.Name, id, node.Source);
        }

        return table;
    }

    public static TokenTable ReadText(string path)
    {
        TokenTable table = new();
        int id = 0;
        foreach (string line in TokenizerFiles.ReadLines(path))
        {
            table.Add(line, id++, path);
        }

        return table;
    }

    /// <summary>The merges of <c>merges.txt</c>: only a first line that begins with <c>#version</c> is a comment.</summary>
    public static List<(string Left, string Right)> ReadMerges(string path, bool skipHashes)
    {
        List<(string, string)> merges = new();
        List<string> lines = TokenizerFiles.ReadLines(path);
        for (int i = 0; i < lines.Count; i++)
        {
            string line = lines[i];
            if ((i == 0 && line.StartsWith("#version", StringComparison.Ordinal)) || (skipHashes && line.StartsWith('#')))
            {
                continue;
            }

            merges.Add(SplitMerge(line, path, i));
        }

        return merges;
    }

    public static (string Left, string Right) SplitMerge(string line, string source, int index)
    {
        int blank = line.IndexOf(' ');
        return blank > 0 && blank < line.Length - 1 && line.IndexOf(' ', blank + 1) < 0
            ? (line[..blank], line[(blank + 1)..])
            : throw new ApertureException($"{source}: merge {index} is '{line}' instead of two tokens with a blank between; the file is damaged.");
    }

    /// <summary>Vocabulary and merges of <c>bpe_simple_vocab_16e6.txt.gz</c>.</summary>
    public static (TokenTable Table, List<(string Left, string Right)> Merges) ReadOpenAi(string path)
    {
        string[] lines = Unpack(path).Split('\n');
        if (lines.Length <= OpenAiMerges)
        {
            throw new ApertureException($"{path} has {lines.Length} lines instead of at least {OpenAiMerges + 1}; it is not OpenAI's vocabulary.");
        }

        List<(string Left, string Right)> merges = lines.Skip(1).Take(OpenAiMerges).Select((line, i) => SplitMerge(line.TrimEnd('\r'), path, i)).ToList();
        List<string> bytes = Enumerable.Range(0, 256).Select(b => ByteAlphabet.Of(b).ToString()).OrderBy(c => c[0] >= 256).ThenBy(c => c[0]).ToList();
        TokenTable table = new();
        string[] tokens =
        [
            .. bytes, .. bytes.Select(b => b + "</w>"), .. merges.Select(merge => merge.Item1 + merge.Item2), "<|startoftext|>", "<|endoftext|>",
        ];
        foreach (string token in tokens)
        {
            table.Add(token, table.Count, path);
        }

        return (table, merges);
    }

    private static string Unpack(string path)
    {
        try
        {
            using MemoryStream packed = new(TokenizerFiles.ReadBytes(path));
            using GZipStream stream = new(packed, CompressionMode.Decompress);
            byte[] buffer = new byte[MaxUnpackedBytes + 1];
            int count = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
            return count <= MaxUnpackedBytes
                ? Encoding.UTF8.GetString(buffer, 0, count)
                : throw new ApertureException($"{path} unpacks to more than {MaxUnpackedBytes} bytes; it is not OpenAI's vocabulary.");
        }
        catch (InvalidDataException e)
        {
            throw new ApertureException($"{path} is no gzip file; fetch it again.", e);
        }
    }
}
