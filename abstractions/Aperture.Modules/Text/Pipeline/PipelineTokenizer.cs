using Aperture.Models;

namespace Aperture.Text;

/// <summary>A tokenizer as a chain: added tokens, normalisation, splitting, model, ends; decoding by a function of the tokens.</summary>
internal sealed class PipelineTokenizer : ITokenizer
{
    private readonly TokenTable _table;
    private readonly Dictionary<int, AddedToken> _added;
    private readonly Dictionary<string, int> _addedIds = new(StringComparer.Ordinal);
    private readonly AddedTokenSplitter _raw;
    private readonly AddedTokenSplitter _normalized;
    private readonly PipelineParts _parts;

    public PipelineTokenizer(PipelineParts parts, SpecialTokenSet special)
    {
        _parts = parts;
        _table = parts.Model.Table;
        _added = special.Tokens.ToDictionary(token => token.Id);
        foreach (AddedToken token in special.Tokens)
        {
            _addedIds[token.Content] = token.Id;
        }

        IReadOnlyList<AddedToken> split = parts.SplitsAdded ? special.Tokens : [];
        _raw = new(split.Where(token => !token.Normalized || !parts.SplitsNormalized).Select(token => (token.Content, token)));
        _normalized = new(split.Where(token => token.Normalized && parts.SplitsNormalized).Select(token => (parts.Normalize(token.Content), token)));
        BeginId = Role(special.Begin);
        EndId = Role(special.End);
        PadId = Role(special.Pad);
        UnknownId = Role(special.Unknown) ?? parts.Model.UnknownId;
        VocabularySize = Math.Max(_table.End, special.Tokens.Select(token => token.Id + 1).DefaultIfEmpty(0).Max());
    }

    public int VocabularySize { get; }

    public int? BeginId { get; }

    public int? EndId { get; }

    public int? PadId { get; }

    public int? UnknownId { get; }

    public int[] Encode(string text, bool addSpecialTokens = true)
    {
        List<int> ids = new((text.Length / 3) + 4);
        if (addSpecialTokens)
        {
            ids.AddRange(_parts.Prefix);
        }

        bool atStart = true;
        foreach ((string raw, AddedToken? rawToken) in _raw.Split(_parts.Prepare(text)))
        {
            if (rawToken is not null)
            {
                ids.Add(rawToken.Id);
            }
            else
            {
                foreach ((string part, AddedToken? token) in _normalized.Split(_parts.Normalize(raw)))
                {
                    if (token is not null)
                    {
                        ids.Add(token.Id);
                    }
                    else
                    {
                        foreach (string word in _parts.PreTokenize([part], atStart))
                        {
                            _parts.Model.Encode(word, ids);
                        }
                    }

                    atStart = false;
                }
            }

            atStart = false;
        }

        if (addSpecialTokens)
        {
            ids.AddRange(_parts.Suffix);
        }

        return [.. ids];
    }

    public string Decode(IReadOnlyList<int> ids, bool skipSpecialTokens = true)
    {
        List<(string Token, AddedToken? Added)> tokens = new(ids.Count);
        foreach (int id in ids)
        {
            AddedToken? added = _added.GetValueOrDefault(id);
            if (skipSpecialTokens && added is { Special: true })
            {
                continue;
            }

            tokens.Add((TokenOf(id) ?? throw new ApertureException(
                $"Token id {id} is not in the vocabulary of {VocabularySize}; the model and its tokenizer do not belong together."), added));
        }

        return _parts.Decode(tokens);
    }

    public string? TokenOf(int id) => _added.TryGetValue(id, out AddedToken? token) ? token.Content : _table.TokenOf(id);

    public int? IdOf(string token) => _addedIds.TryGetValue(token, out int id) ? id : _table.IdOf(token);

    public bool IsSpecial(int id) => _added.TryGetValue(id, out AddedToken? token) && token.Special;

    private int? Role(string? token) => token is null ? null : IdOf(token);
}
