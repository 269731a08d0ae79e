namespace Aperture.Text;

/// <summary>The two directions between tokens and ids of one vocabulary.</summary>
internal sealed class TokenTable
{
    /// <summary>The most tokens that a vocabulary may have.</summary>
    public const int MaxTokens = 4_000_000;

    /// <summary>The most UTF-16 units that a token may have.</summary>
    public const int MaxTokenLength = 65_536;

    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly Dictionary<int, string> _tokens = [];

    public int Count => _tokens.Count;

    /// <summary>One more than the highest id.</summary>
    public int End { get; private set; }

    public Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> BySpan => _ids.GetAlternateLookup<ReadOnlySpan<char>>();

    public void Add(string token, int id, string source)
    {
        if (id < 0 || id >= MaxTokens || _tokens.Count >= MaxTokens)
        {
            throw new ApertureException($"{source}: token id {id} is outside 0..{MaxTokens - 1}; the vocabulary file is damaged.");
        }

        if (token.Length > MaxTokenLength)
        {
            throw new ApertureException(
                $"{source}: the token with id {id} has {token.Length} characters, more than {MaxTokenLength}; the vocabulary file is damaged.");
        }

        _ids[token] = id;
        _tokens[id] = token;
        End = Math.Max(End, id + 1);
    }

    public string? TokenOf(int id) => _tokens.GetValueOrDefault(id);

    public int? IdOf(string token) => _ids.TryGetValue(token, out int id) ? id : null;
}
