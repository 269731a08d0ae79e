using System.Text;
using Aperture.Tasks;

namespace Aperture.Text;

/// <summary>Byte-pair encoding from a list of merges in rank order, as <c>tokenizer.json</c> and <c>merges.txt</c> hold it.</summary>
internal sealed class BytePairModel : ITokenModel
{
    private readonly Dictionary<(int Left, int Right), (int Rank, int Id)> _merges = [];
    private readonly Dictionary<string, int> _pieces = new(StringComparer.Ordinal); // that the vocabulary lacks, with ids below 0
    private readonly int?[] _bytes = new int?[256];

    /// <summary>Creates the model.</summary>
    /// <param name="table">The vocabulary.</param>
    /// <param name="merges">The pairs in rank order.</param>
    /// <param name="options">The switches of the model.</param>
    /// <param name="source">File name for errors.</param>
    public BytePairModel(TokenTable table, IEnumerable<(string Left, string Right)> merges, BytePairOptions options, string source)
    {
        Table = table;
        Options = options;
        UnknownId = options.UnknownToken is { } unknown ? table.IdOf(unknown) : null;
        int rank = 0;
        foreach ((string left, string? right) in merges)
        {
            if (rank >= TokenTable.MaxTokens)
            {
                throw new ApertureException($"{source}: more than {TokenTable.MaxTokens} merges; the file is damaged.");
            }

            string tail = options.ContinuingPrefix.Length > 0 && right.StartsWith(options.ContinuingPrefix, StringComparison.Ordinal)
                ? right[options.ContinuingPrefix.Length..]
                : right;
            if (IdOf(left) is not { } leftId || IdOf(right) is not { } rightId || IdOf(left + tail) is not { } id)
            {
                throw new ApertureException(
                    $"{source}: merge {rank} ('{left}' + '{right}') needs a token that is not in the vocabulary; vocabulary and merges belong to different "
                    + "models.");
            }

            _merges[(leftId, rightId)] = (rank, id);
            rank++;
        }

        for (int i = 0; i < 256; i++)
        {
            _bytes[i] = table.IdOf($"<0x{i:X2}>");
        }
    }

    public TokenTable Table { get; }

    public int? UnknownId { get; }

    private BytePairOptions Options { get; }

    public void Encode(string word, List<int> ids)
    {
        if (word.Length == 0)
        {
            return;
        }

        if (Options.IgnoreMerges && Table.IdOf(word) is { } whole)
        {
            ids.Add(whole);
            return;
        }

        SymbolMerger.Symbol[] symbols = Symbols(word);
        if (symbols.Length == 0)
        {
            return;
        }

        SymbolMerger.Merge(symbols, TryMerge);
        for (int i = 0; i >= 0; i = symbols[i].Next)
        {
            if ((symbols[i].Id >= 0 ? symbols[i].Id : UnknownId) is { } id)
            {
                ids.Add(id);
            }
        }
    }

    private int? IdOf(string piece)
    {
        if (Table.IdOf(piece) is { } known)
        {
            return known;
        }

        if (!Options.LooseMerges)
        {
            return null;
        }

        if (!_pieces.TryGetValue(piece, out int id))
        {
            id = -1 - _pieces.Count;
            _pieces.Add(piece, id);
        }

        return id;
    }

    private bool TryMerge(in SymbolMerger.Symbol left, in SymbolMerger.Symbol right, out float rank, out int id)
    {
        bool found = _merges.TryGetValue((left.Id, right.Id), out (int Rank, int Id) merge);
        (rank, id) = (merge.Rank, merge.Id);
        return found;
    }

    private SymbolMerger.Symbol[] Symbols(string word)
    {
        List<SymbolMerger.Symbol> symbols = new(word.Length);
        Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> lookup = Table.BySpan;
        int unknownLength = 0;
        Span<byte> utf8 = stackalloc byte[4];
        for (int start = 0; start < word.Length;)
        {
            Rune.DecodeFromUtf16(word.AsSpan(start), out Rune rune, out int used);
            bool isFirst = start == 0;
            bool isLast = start + used == word.Length;
            bool found = (isFirst || Options.ContinuingPrefix.Length == 0) && !(isLast && Options.EndOfWordSuffix.Length > 0)
                ? lookup.TryGetValue(word.AsSpan(start, used), out int id)
                : lookup.TryGetValue(
                    string.Concat(isFirst ? "" : Options.ContinuingPrefix, word.AsSpan(start, used), isLast ? Options.EndOfWordSuffix : ""), out id);
            if (found)
            {
                FlushUnknown(symbols, ref unknownLength);
                symbols.Add(new() { Length = used, Id = id });
            }
            else
            {
                int count = rune.EncodeToUtf8(utf8);
                if (Options.ByteFallback && HasBytes(utf8[..count]))
                {
                    foreach (byte b in utf8[..count])
                    {
                        symbols.Add(new() { Length = 1, Id = _bytes[b]!.Value });
                    }
                }
                else if (UnknownId is not null)
                {
                    if (unknownLength > 0 && !Options.FuseUnknown)
                    {
                        FlushUnknown(symbols, ref unknownLength);
                    }

                    unknownLength += used;
                }
            }

            start += used;
        }

        FlushUnknown(symbols, ref unknownLength);
        return [.. symbols];
    }

    private void FlushUnknown(List<SymbolMerger.Symbol> symbols, ref int length)
    {
        if (length > 0)
        {
            symbols.Add(new() { Length = length, Id = UnknownId!.Value });
            length = 0;
        }
    }

    private bool HasBytes(ReadOnlySpan<byte> utf8)
    {
        foreach (byte b in utf8)
        {
            if (_bytes[b] is null)
            {
                return false;
            }
        }

        return true;
    }
}
