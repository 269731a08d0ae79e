using System.Text.Json;

namespace Aperture.Text;

/// <summary>What <c>tokenizer_config.json</c>, <c>special_tokens_map.json</c> and <c>added_tokens.json</c> of a folder say.</summary>
internal sealed class TokenizerConfiguration
{
    private static readonly string[] _roles = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    public string? Class { get; private set; }

    public bool? Legacy { get; private set; }

    public bool? AddBegin { get; private set; }

    public bool? AddEnd { get; private set; }

    public bool? LowerCase { get; private set; }

    public Dictionary<string, string> Roles { get; } = [];

    public List<AddedToken> AddedTokens { get; } = [];

    public static TokenizerConfiguration Read(string folder)
    {
        TokenizerConfiguration configuration = new();
        HashSet<string> special = new(StringComparer.Ordinal);
        configuration.ReadMap(Path.Combine(folder, "special_tokens_map.json"), special);
        configuration.ReadMain(Path.Combine(folder, "tokenizer_config.json"), special);
        configuration.ReadAdded(Path.Combine(folder, "added_tokens.json"), special);
        return configuration;
    }

    /// <summary>An added token from its JSON object.</summary>
    public static AddedToken ReadToken(TokenizerJsonNode node, int id)
        => new(id, node.Text("content") ?? throw node.Damaged($"an added token {id} without content"))
        {
            Special = node.Flag("special") ?? false,
            Normalized = node.Flag("normalized") ?? false,
            LStrip = node.Flag("lstrip") ?? false,
            RStrip = node.Flag("rstrip") ?? false,
            SingleWord = node.Flag("single_word") ?? false,
        };

    private static TokenizerJsonNode Settings(JsonDocument document, string path)
    {
        TokenizerJsonNode root = new(document.RootElement, path);
        return root.Json.ValueKind == JsonValueKind.Object ? root : throw root.Damaged($"the value {root.Json.ValueKind} in place of an object");
    }

    private static string? TokenText(TokenizerJsonNode node) => node.Json.ValueKind == JsonValueKind.String ? node.Json.GetString() : node.Text("content");

    private void ReadMap(string path, HashSet<string> special)
    {
        if (!File.Exists(path))
        {
            return;
        }

        using JsonDocument document = TokenizerFiles.ReadJson(path);
        ReadRoles(Settings(document, path), special);
    }

    private void ReadRoles(TokenizerJsonNode root, HashSet<string> special)
    {
        foreach (string role in _roles)
        {
            if (TokenText(root[role]) is { Length: > 0 } token)
            {
                Roles[role] = token;
                special.Add(token);
            }
        }

        if (root["additional_special_tokens"].Json.ValueKind == JsonValueKind.Array)
        {
            foreach (TokenizerJsonNode item in root.Items("additional_special_tokens"))
            {
                if (TokenText(item) is { } token)
                {
                    special.Add(token);
                }
            }
        }
    }

    private void ReadMain(string path, HashSet<string> special)
    {
        if (!File.Exists(path))
        {
            return;
        }

        using JsonDocument document = TokenizerFiles.ReadJson(path);
        TokenizerJsonNode root = Settings(document, path);
        Class = root.Text("tokenizer_class");
        Legacy = root.Flag("legacy");
        AddBegin = root.Flag("add_bos_token");
        AddEnd = root.Flag("add_eos_token");
        LowerCase = root.Flag("do_lower_case");
        ReadRoles(root, special);
        if (root["added_tokens_decoder"].Json is { ValueKind: JsonValueKind.Object } decoder)
        {
            foreach (JsonProperty entry in decoder.EnumerateObject())
            {
                if (!int.TryParse(entry.Name, out int id) || id < 0 || id >= TokenTable.MaxTokens)
                {
                    throw root.Damaged($"the added token id '{entry.Name}'");
                }

                AddedToken token = ReadToken(new(entry.Value, path), id);
                AddedTokens.Add(token with { Special = token.Special || special.Contains(token.Content) });
            }
        }
    }

    private void ReadAdded(string path, HashSet<string> special)
    {
        if (!File.Exists(path))
        {
            return;
        }

        using JsonDocument document = TokenizerFiles.ReadJson(path);
        TokenizerJsonNode root = new(document.RootElement, path);
        if (root.Json.ValueKind != JsonValueKind.Object)
        {
            throw root.Damaged("no map from token to id");
        }

        HashSet<int> known = AddedTokens.Select(token => token.Id).ToHashSet();
        foreach (JsonProperty entry in root.Json.EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetInt32(out int id) || id < 0 || id >= TokenTable.MaxTokens)
            {
                throw root.Damaged($"no valid id for the added token '{entry.Name}'");
            }

            if (known.Add(id))
            {
                bool isSpecial = special.Contains(entry.Name);
                AddedTokens.Add(new(id, entry.Name) { Special = isSpecial, Normalized = !isSpecial });
            }
        }
    }
}
