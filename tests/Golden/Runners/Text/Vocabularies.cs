using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Aperture.Text;

namespace Aperture.Golden.Tests.Text;

/// <summary>
/// Big vocabularies that are not stored with the cases. The environment variable APERTURE_VOCAB names a folder in which their package files lie
/// anywhere (they are told by their sha256); each is laid out as the checkpoint folder that a tokenizer opens.
/// </summary>
internal static class Vocabularies
{
    public const string Variable = "APERTURE_VOCAB";

    public const string Llama2 = "34a7b9f7579d40486444590c37cba6564ef40c3dd98ecdfc2f7c886ae72c898d";
    public const string Gpt2 = "cda20b8ca044949aa07ac4078420c80d1a57139d5f9f33700e46fb2d891e7c66";
    public const string Qwen2 = "f7c9b2dba4a296b1aa76c16a34b8225c0c118978400d4bb66bff0902d702f5b8";

    private const string Bert = "f43c6d0ae702005761fbdcc6d09145d440905dc3e65a0e8d4100e5f5763d91be";
    private const string Clip = "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a";

    private static readonly Lock _lock = new();
    private static readonly Dictionary<string, string> _files = [];
    private static readonly Dictionary<(string Sha, string Class), string> _folders = [];
    private static bool _searched;

    /// <summary>The folder of a vocabulary for a tokenizer class, or null where the package file is not there.</summary>
    public static string? Folder(string sha256, string className)
    {
        lock (_lock)
        {
            Search();
            if (!_files.TryGetValue(sha256, out string? file))
            {
                return null;
            }

            if (!_folders.TryGetValue((sha256, className), out string? folder))
            {
                folder = Path.Combine(AppContext.BaseDirectory, "vocabularies", $"{sha256[..12]}-{className}-{Environment.ProcessId}");
                Directory.CreateDirectory(folder);
                AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
                LayOut(sha256, file, className, folder);
                _folders.Add((sha256, className), folder);
            }

            return folder;
        }
    }

    /// <summary>Opens a vocabulary: from APERTURE_VOCAB, else from a folder beside the case that holds the part of it that the case needs.</summary>
    public static ITokenizer? Open(GoldenCase golden, string name, string sha256, TokenizerOptions options)
    {
        string beside = Path.Combine(golden.Folder, "vocabularies", name);
        string? folder = Folder(sha256, options.Class!) ?? (Directory.Exists(beside) ? beside : null);
        return folder is null ? null : Tokenizers.FromFolder(folder, options);
    }

    private static void Search()
    {
        if (_searched || Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } root)
        {
            return;
        }

        _searched = true;
        foreach (string? path in Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories)
            .Where(path => Path.GetFileName(path) is "tokenizer.json" or "vocab.json" or "llama-tokenizer.js" or "bpe_simple_vocab_16e6.txt.gz"))
        {
            using FileStream stream = File.OpenRead(path);
            _files[Convert.ToHexStringLower(SHA256.HashData(stream))] = path;
        }
    }

    private static void LayOut(string sha256, string file, string className, string folder)
    {
        switch (sha256)
        {
            case Llama2:
                (string[] vocabulary, (string Left, string Right)[] merges) = LlamaPackage(file);
                if (className == "LlamaTokenizer")
                {
                    File.WriteAllBytes(Path.Combine(folder, "tokenizer.model"), SentencePieceWriter.Write(vocabulary, merges));
                }
                else
                {
                    File.WriteAllText(Path.Combine(folder, "tokenizer.json"), SentencePieceWriter.WriteJson(vocabulary, merges));
                }

                break;
            case Bert:
                File.WriteAllText(Path.Combine(folder, "vocab.txt"), string.Concat(BertPackage(file).Select(token => token + "\n")));
                break;
            case Clip:
                File.Copy(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
                break;
            default:
                LayOutJson(file, className, folder);
                break;
        }
    }

    private static void LayOutJson(string file, string className, string folder)
    {
        if (className == "PreTrainedTokenizerFast")
        {
            File.Copy(file, Path.Combine(folder, "tokenizer.json"), overwrite: true);
            return;
        }

        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(file));
        JsonElement model = document.RootElement.GetProperty("model");
        List<string> merges = model.GetProperty("merges").EnumerateArray().Select(merge => merge.GetString()!).ToList();
        if (className == "LlamaTokenizer")
        {
            string[] pieces = new string[model.GetProperty("vocab").EnumerateObject().Count()];
            foreach (JsonProperty entry in model.GetProperty("vocab").EnumerateObject())
            {
                pieces[entry.Value.GetInt32()] = entry.Name;
            }

            File.WriteAllBytes(Path.Combine(folder, "tokenizer.model"), SentencePieceWriter.Write(pieces, [.. merges.Select(Split)]));
            return;
        }

        File.WriteAllText(Path.Combine(folder, "vocab.json"), model.GetProperty("vocab").GetRawText());
        File.WriteAllText(Path.Combine(folder, "merges.txt"), "#version: 0.2\n" + string.Concat(merges.Select(merge => merge + "\n")));
    }

    private static (string Left, string Right) Split(string merge)
    {
        int blank = merge.IndexOf(' ');
        return (merge[..blank], merge[(blank + 1)..]);
    }

    private static (string[] Vocabulary, (string Left, string Right)[] Merges) LlamaPackage(string file)
    {
        string script = File.ReadAllText(file);
        string[] vocabulary = Encoding.UTF8.GetString(Convert.FromBase64String(Constant(script, "llama_vocab_base64"))).Split('\n');
        byte[] binary = Convert.FromBase64String(Constant(script, "llama_merges_binary"));
        (string, string)[] merges = new (string, string)[binary.Length / 4];
        for (int i = 0; i < merges.Length; i++)
        {
            merges[i] = (vocabulary[BitConverter.ToUInt16(binary, 4 * i)], vocabulary[BitConverter.ToUInt16(binary, (4 * i) + 2)]);
        }

        return (vocabulary, merges);
    }

    /// <summary>The longest base64 text in quotes on the line that names a constant.</summary>
    private static string Constant(string script, string name)
    {
        int at = script.IndexOf(name + " =", StringComparison.Ordinal);
        int open = script.IndexOfAny(['"', '\'', '`'], at);
        return script[(open + 1)..script.IndexOf(script[open], open + 1)];
    }

    private static IEnumerable<string> BertPackage(string file)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(file));
        return document.RootElement.EnumerateArray().Select((item, i) =>
        {
            string token = (item.ValueKind == JsonValueKind.Array ? item[0] : item).GetString()!;
            return i == 1
                ? "[unused0]"
                : token.StartsWith('[') && token.EndsWith(']') && token.Length > 1
                ? token
                : token.StartsWith('\u2581')
                ? token[1..]
                : "##" + token;
        }).ToList();
    }
}
