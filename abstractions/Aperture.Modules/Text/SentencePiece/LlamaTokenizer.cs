using System.Text;

namespace Aperture.Text;

/// <summary>
/// LLaMA's tokenizer around a SentencePiece model as transformers' Python class runs it: added tokens are cut out first; with
/// legacy behaviour every part between them gets the blank in front, without it only the start of the text.
/// </summary>
internal sealed class LlamaTokenizer : ITokenizer
{
    private const char Blank = '\u2581';

    private static readonly Dictionary<string, string> _roles = new() { ["bos_token"] = "<s>", ["eos_token"] = "</s>", ["unk_token"] = "<unk>" };

    private readonly SentencePieceModel _model;
    private readonly SpecialTokenSet _special;
    private readonly AddedTokenSplitter _splitter;
    private readonly Dictionary<int, AddedToken> _added;
    private readonly bool _legacy;
    private readonly bool _addBegin;
    private readonly bool _addEnd;
    private readonly string _unknown;
    private readonly int _unknownLength;

    public LlamaTokenizer(SentencePieceModel model, TokenizerConfiguration configuration, TokenizerOptions options)
    {
        _model = model;
        _special = SpecialTokenSet.Create(model.Table, configuration, _roles, options);
        _splitter = new(_special.Tokens.Select(token => (token.Content, token)));
        _added = _special.Tokens.ToDictionary(token => token.Id);
        _legacy = options.Legacy ?? configuration.Legacy ?? true;
        _addBegin = options.AddBegin ?? configuration.AddBegin ?? true;
        _addEnd = options.AddEnd ?? configuration.AddEnd ?? false;
        _unknown = _special.Unknown!;
        _unknownLength = model.Encode(_unknown, addDummyPrefix: false).Length;
        BeginId = IdOf(_special.Begin!);
        EndId = IdOf(_special.End!);
        PadId = _special.Pad is { } pad ? IdOf(pad) : null;
        UnknownId = IdOf(_unknown);
        VocabularySize = Math.Max(model.VocabularySize, _special.Tokens.Max(token => token.Id) + 1);
    }

    public int VocabularySize { get; }

    public int? BeginId { get; }

    public int? EndId { get; }

    public int? PadId { get; }

    public int? UnknownId { get; }

    public int[] Encode(string text, bool addSpecialTokens = true)
    {
        List<int> ids = new();
        if (_legacy || text.Length == 0)
        {
            foreach ((string part, AddedToken? token) in _splitter.Split(text))
            {
                ids.AddRange(token is null ? _model.Encode(part) : [token.Id]);
            }
        }
        else
        {
            List<(string Text, AddedToken? Token)> parts = _splitter.Split(Blank + text.Replace(Blank, ' '));
            foreach ((string part, AddedToken? token) in parts)
            {
                ids.AddRange(token is null ? EncodePart(part) : [token.Id]);
            }

            // The blank that was put in front goes again where a special token follows it at once.
            if (parts is [(['\u2581'], null), (_, { Special: true }), ..] && _model.PieceOf(ids[0]) == "\u2581")
            {
                ids.RemoveAt(0);
            }
        }

        if (addSpecialTokens && _addBegin)
        {
            ids.Insert(0, BeginId!.Value);
        }

        if (addSpecialTokens && _addEnd)
        {
            ids.Add(EndId!.Value);
        }

        return [.. ids];
    }

    public string Decode(IReadOnlyList<int> ids, bool skipSpecialTokens = true)
    {
        List<(string, AddedToken?)> tokens = new(ids.Count);
        foreach (int id in ids)
        {
            AddedToken? added = _added.GetValueOrDefault(id);
            if (!(skipSpecialTokens && added is { Special: true }))
            {
                tokens.Add((TokenOf(id) ?? throw new ApertureException(
                    $"Token id {id} is not in the vocabulary of {VocabularySize}; the model and its tokenizer do not belong together."), added));
            }
        }

        return PythonDecoding.Grouped(Join, blanks: true, _special, _model.VocabularySize)(tokens);
    }

    public string? TokenOf(int id) => _added.TryGetValue(id, out AddedToken? token) ? token.Content : _model.PieceOf(id);

    public int? IdOf(string token) => _special.Tokens.FirstOrDefault(added => added.Content == token)?.Id ?? _model.IdOf(token);

    public bool IsSpecial(int id) => _added.TryGetValue(id, out AddedToken? token) && token.Special;

    private int[] EncodePart(string part)
        => part.Length > 0 && part[0] is Blank or ' '
            ? _model.Encode(_unknown + part, addDummyPrefix: false)[_unknownLength..]
            : _model.Encode(part, addDummyPrefix: false);

    private string Join(List<string> tokens)
    {
        if (tokens.Count == 0)
        {
            return "";
        }

        StringBuilder result = new System.Text.StringBuilder();
        List<string> run = new();
        bool afterSpecial = false;
        for (int i = 0; i < tokens.Count; i++)
        {
            string token = i == 0 && tokens[0].StartsWith(Blank) ? tokens[0][1..] : tokens[i];
            if (IdOf(token) is { } id && IsSpecial(id))
            {
                if (!afterSpecial && i != 0 && _legacy)
                {
                    result.Append(' ');
                }

                result.Append(_model.DecodePieces(run, _legacy && _model.AddsDummyPrefix)).Append(token);
                run.Clear();
                afterSpecial = true;
            }
            else
            {
                run.Add(token);
                afterSpecial = false;
            }
        }

        return result.Append(_model.DecodePieces(run, _legacy && _model.AddsDummyPrefix)).ToString();
    }
}
