namespace Aperture.Text;

/// <summary>The added tokens of a tokenizer and the roles that its configuration names.</summary>
internal sealed record SpecialTokenSet
{
    /// <summary>All added tokens, special or not, one for each id.</summary>
    public required IReadOnlyList<AddedToken> Tokens { get; init; }

    /// <summary>Token of each role: bos_token, eos_token, unk_token, sep_token, pad_token, cls_token, mask_token.</summary>
    public required IReadOnlyDictionary<string, string> Roles { get; init; }

    public string? Begin => Roles.GetValueOrDefault("bos_token") ?? Roles.GetValueOrDefault("cls_token");

    public string? End => Roles.GetValueOrDefault("eos_token") ?? Roles.GetValueOrDefault("sep_token");

    public string? Pad => Roles.GetValueOrDefault("pad_token");

    public string? Unknown => Roles.GetValueOrDefault("unk_token");

    public bool IsRole(string token) => Roles.Values.Contains(token);

    /// <summary>Joins the tokens that a folder names with a class's own special tokens, each with an id; tokens without one get the next free ids.</summary>
    /// <param name="table">The base vocabulary.</param>
    /// <param name="configuration">What the folder says.</param>
    /// <param name="defaults">Tokens of the roles where the folder names none.</param>
    /// <param name="options">What the caller says.</param>
    /// <param name="maskStrips">Whether the mask token swallows blanks on its left.</param>
    public static SpecialTokenSet Create(
        TokenTable table,
        TokenizerConfiguration configuration,
        IReadOnlyDictionary<string, string> defaults,
        TokenizerOptions options,
        bool maskStrips = false)
    {
        Dictionary<string, string> roles = new(defaults);
        foreach ((string role, string? token) in configuration.Roles)
        {
            roles[role] = token;
        }

        SortedDictionary<int, AddedToken> byId = new();
        foreach (AddedToken token in configuration.AddedTokens.Concat(options.AddedTokens))
        {
            byId[token.Id] = token;
        }

        int next = Math.Max(table.End, byId.Count == 0 ? 0 : byId.Keys.Max() + 1);
        foreach ((string role, string? content) in roles.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            if (byId.Values.FirstOrDefault(token => token.Content == content) is { } known)
            {
                byId[known.Id] = known with { Special = true };
                continue;
            }

            int id = table.IdOf(content) ?? next++;
            byId[id] = new(id, content) { LStrip = maskStrips && role == "mask_token" };
        }

        return new() { Tokens = [.. byId.Values], Roles = roles };
    }
}
