using System.IO.Compression;
using System.Text;
using System.Text.Json;

namespace Aperture.Text;

/// <summary>Reads <c>vocab.json</c>, <c>vocab.txt</c>, <c>merges.txt</c> and OpenAI's packed list of merges.</summary>
internal static class VocabularyFiles
{
    /// <summary>How many of the lines of OpenAI's list are merges; the rest is left over.</summary>
    private const int OpenAiMerges = 48_894;

    private const int MaxUnpackedBytes = 64 << 20;

    public static TokenTable ReadJson(string path)
    {
        using var document = TokenizerFiles.ReadJson(path);
        return ReadMap(new(document.RootElement, path));
    }

    /// <summary>A JSON object from token to id.</summary>
    public static TokenTable ReadMap(TokenizerJsonNode node)
    {
        if (node.Json.ValueKind != JsonValueKind.Object)
        {
            throw node.Damaged("no map from token to id");
        }

        var table = new TokenTable();
        foreach (var entry in node.Json.EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetInt32(out var id))
            {
                throw node.Damaged($"no valid id for the token '{entry.Name}'");
            }

            table.Add(entry.Name, id, node.Source);
        }

        return table;
    }

    public static TokenTable ReadText(string path)
    {
        var table = new TokenTable();
        var id = 0;
        foreach (var line in TokenizerFiles.ReadLines(path))
        {
            table.Add(line, id++, path);
        }

        return table;
    }

    /// <summary>The merges of <c>merges.txt</c>: only a first line that begins with <c>#version</c> is a comment.</summary>
    public static List<(string Left, string Right)> ReadMerges(string path, bool skipHashes)
    {
        var merges = new List<(string, string)>();
        var lines = TokenizerFiles.ReadLines(path);
        for (var i = 0; i < lines.Count; i++)
        {
            var line = lines[i];
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
        var blank = line.IndexOf(' ');
        return blank > 0 && blank < line.Length - 1 && line.IndexOf(' ', blank + 1) < 0
            ? (line[..blank], line[(blank + 1)..])
            : throw new ApertureException($"{source}: merge {index} is '{line}' instead of two tokens with a blank between; the file is damaged.");
    }

    /// <summary>Vocabulary and merges of <c>bpe_simple_vocab_16e6.txt.gz</c>.</summary>
    public static (TokenTable Table, List<(string Left, string Right)> Merges) ReadOpenAi(string path)
    {
        var lines = Unpack(path).Split('\n');
        if (lines.Length <= OpenAiMerges)
        {
            throw new ApertureException($"{path} has {lines.Length} lines instead of at least {OpenAiMerges + 1}; it is not OpenAI's vocabulary.");
        }

        var merges = lines.Skip(1).Take(OpenAiMerges).Select((line, i) => SplitMerge(line.TrimEnd('\r'), path, i)).ToList();
        var bytes = Enumerable.Range(0, 256).Select(b => ByteAlphabet.Of(b).ToString()).OrderBy(c => c[0] >= 256).ThenBy(c => c[0]).ToList();
        var table = new TokenTable();
        foreach (var token in bytes.Concat(bytes.Select(b => b + "</w>")).Concat(merges.Select(merge => merge.Item1 + merge.Item2)).Concat(["<|startoftext|>", "<|endoftext|>"]))
        {
            table.Add(token, table.Count, path);
        }

        return (table, merges);
    }

    private static string Unpack(string path)
    {
        try
        {
            using var packed = new MemoryStream(TokenizerFiles.ReadBytes(path));
            using var stream = new GZipStream(packed, CompressionMode.Decompress);
            var buffer = new byte[MaxUnpackedBytes + 1];
            var count = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
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
