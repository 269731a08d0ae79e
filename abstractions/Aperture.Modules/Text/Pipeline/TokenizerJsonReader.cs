using System.Text.Json;
using Aperture.Models;

namespace Aperture.Text;

/// <summary>Builds a tokenizer from a <c>tokenizer.json</c>.</summary>
internal static class TokenizerJsonReader
{
    public static PipelineTokenizer Read(string path, TokenizerConfiguration configuration, TokenizerOptions options)
    {
        using JsonDocument document = TokenizerFiles.ReadJson(path);
        TokenizerJsonNode root = new(document.RootElement, path);
        ITokenModel model = ReadModel(root["model"]);
        SpecialTokenSet special = ReadSpecial(root, model.Table, configuration, options);
        Func<string, string> normalize = Normalizers.Read(root["normalizer"]);
        Func<List<string>, List<string>> decode = TokenDecoders.Read(root["decoder"]);
        (List<int>? prefix, List<int>? suffix) = LlamaEnds.Rebuilds(configuration, options)
            ? LlamaEnds.Of(configuration, options, special, model.Table, path)
            : ReadEnds(root["post_processor"], special, model.Table);
        PipelineParts parts = new PipelineParts
        {
            Model = model,
            Normalize = normalize,
            PreTokenize = PreTokenizers.Read(root["pre_tokenizer"]),
            SplitsNormalized = true,
            Prefix = prefix,
            Suffix = suffix,
            Decode = tokens => string.Concat(decode(tokens.ConvertAll(token => token.Token))),
        };
        return new(parts, special);
    }

    private static SpecialTokenSet ReadSpecial(TokenizerJsonNode root, TokenTable table, TokenizerConfiguration configuration, TokenizerOptions options)
    {
        SortedDictionary<int, AddedToken> byId = new();
        foreach (TokenizerJsonNode node in root.Items("added_tokens"))
        {
            int id = node.Number("id") ?? throw node.Damaged("an added token without an id");
            if (id < 0 || id >= TokenTable.MaxTokens)
            {
                throw node.Damaged($"the added token id {id}");
            }

            byId[id] = TokenizerConfiguration.ReadToken(node, id);
        }

        foreach (AddedToken token in configuration.AddedTokens.Concat(options.AddedTokens))
        {
            byId[token.Id] = token;
        }

        // Roles need no entry of their own where the vocabulary has the token; such a token stays ordinary text unless the file adds it.
        Dictionary<string, string> roles = new(configuration.Roles);
        if (configuration.Roles.Count == 0)
        {
            Guess(roles, byId.Values, "bos_token", "<s>", "<|begin_of_text|>", "<|startoftext|>");
            Guess(roles, byId.Values, "eos_token", "</s>", "<|end_of_text|>", "<|endoftext|>");
            Guess(roles, byId.Values, "unk_token", "<unk>", "[UNK]");
            Guess(roles, byId.Values, "pad_token", "<pad>", "[PAD]");
            Guess(roles, byId.Values, "cls_token", "[CLS]");
            Guess(roles, byId.Values, "sep_token", "[SEP]");
        }

        foreach ((string _, string? token) in roles)
        {
            if (table.IdOf(token) is { } id && configuration.Roles.Count > 0 && !byId.ContainsKey(id))
            {
                byId[id] = new(id, token);
            }
        }

        return new() { Tokens = [.. byId.Values], Roles = roles };
    }

    private static void Guess(Dictionary<string, string> roles, IEnumerable<AddedToken> added, string role, params string[] candidates)
    {
        if (candidates.FirstOrDefault(candidate => added.Any(token => token.Content == candidate)) is { } found)
        {
            roles[role] = found;
        }
    }

    private static ITokenModel ReadModel(TokenizerJsonNode node)
    {
        if (node.IsNull)
        {
            throw node.Damaged("no model");
        }

        // Files of older versions name no type: they are byte-pair models.
        switch (node.Text("type") ?? (node["merges"].IsNull ? "WordPiece" : "BPE"))
        {
            case "BPE":
                BytePairOptions options = new BytePairOptions
                {
                    UnknownToken = node.Text("unk_token"),
                    ContinuingPrefix = node.Text("continuing_subword_prefix") ?? "",
                    EndOfWordSuffix = node.Text("end_of_word_suffix") ?? "",
                    FuseUnknown = node.Flag("fuse_unk") ?? false,
                    ByteFallback = node.Flag("byte_fallback") ?? false,
                    IgnoreMerges = node.Flag("ignore_merges") ?? false,
                };
                return new BytePairModel(VocabularyFiles.ReadMap(node["vocab"]), node.Items("merges").Select(ReadMerge), options, node.Source);
            case "WordPiece":
                return new WordPieceModel(
                    VocabularyFiles.ReadMap(node["vocab"]),
                    node.Text("unk_token") ?? "[UNK]",
                    node.Text("continuing_subword_prefix") ?? "##",
                    node.Number("max_input_chars_per_word") ?? 100);
            default:
                throw node.Unsupported("model");
        }
    }

    /// <summary>A merge: <c>"a b"</c>, or <c>["a", "b"]</c> in newer files.</summary>
    private static (string Left, string Right) ReadMerge(TokenizerJsonNode node, int index)
    {
        if (node.Json.ValueKind == JsonValueKind.String)
        {
            return VocabularyFiles.SplitMerge(node.Json.GetString()!, node.Source, index);
        }

        return node.Json.ValueKind == JsonValueKind.Array && node.Json.GetArrayLength() == 2
            && node.Json[0].ValueKind == JsonValueKind.String && node.Json[1].ValueKind == JsonValueKind.String
            ? (node.Json[0].GetString()!, node.Json[1].GetString()!)
            : throw node.Damaged($"a merge {index} that is no pair");
    }

    private static (List<int> Prefix, List<int> Suffix) ReadEnds(TokenizerJsonNode node, SpecialTokenSet special, TokenTable table)
    {
        (List<int>? prefix, List<int>? suffix) = (new List<int>(), new List<int>());
        if (node.IsNull)
        {
            return (prefix, suffix);
        }

        switch (node.Type)
        {
            case "ByteLevel":
                break;
            case "RobertaProcessing" or "BertProcessing":
                prefix.Add(PairId(node["cls"]));
                suffix.Add(PairId(node["sep"]));
                break;
            case "Sequence":
                foreach (TokenizerJsonNode step in node.Items("processors"))
                {
                    (List<int>? before, List<int>? after) = ReadEnds(step, special, table);
                    prefix.InsertRange(0, before);
                    suffix.AddRange(after);
                }

                break;
            case "TemplateProcessing":
                bool seen = false;
                foreach (TokenizerJsonNode item in node.Items("single"))
                {
                    seen |= !item["Sequence"].IsNull;
                    if (item["SpecialToken"].Text("id") is { } name)
                    {
                        (seen ? suffix : prefix).AddRange(TemplateIds(node, name, special, table));
                    }
                }

                break;
            default:
                throw node.Unsupported("post-processor");
        }

        return (prefix, suffix);
    }

    private static int PairId(TokenizerJsonNode node) => node.Json.ValueKind == JsonValueKind.Array && node.Json.GetArrayLength() == 2
        && node.Json[1].ValueKind == JsonValueKind.Number && node.Json[1].TryGetInt32(out int id)
        ? id
        : throw node.Damaged("an end token that is no pair of token and id");

    private static IEnumerable<int> TemplateIds(TokenizerJsonNode node, string name, SpecialTokenSet special, TokenTable table)
    {
        List<int> ids = node["special_tokens"][name].Items("ids").Select(id => id.Json.ValueKind == JsonValueKind.Number && id.Json.TryGetInt32(out int value)
            ? value
            : throw id.Damaged($"no valid id for the template token '{name}'")).ToList();
        return ids.Count > 0
            ? ids
            :
            [
                special.Tokens.FirstOrDefault(token => token.Content == name)?.Id
                ?? table.IdOf(name)
                ?? throw node.Damaged($"a template with the unknown token '{name}'"),
            ];
    }
}
