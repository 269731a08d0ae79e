using System.Text;

namespace Aperture.Text;

/// <summary>BERT's WordPiece: the longest piece of the vocabulary first; a word with a part that is no piece is wholly unknown.</summary>
internal sealed class WordPieceModel(TokenTable table, string unknownToken, string prefix, int maxWordLength) : ITokenModel
{
    public TokenTable Table { get; } = table;

    public int? UnknownId { get; } = table.IdOf(unknownToken);

    public void Encode(string word, List<int> ids)
    {
        if (word.Length == 0)
        {
            return;
        }

        int before = ids.Count;
        if (word.EnumerateRunes().Count() > maxWordLength || !TryEncode(word, ids))
        {
            ids.RemoveRange(before, ids.Count - before);
            ids.Add(UnknownId ?? throw new ApertureException($"The vocabulary has no token '{unknownToken}' for unknown words; add it to the vocabulary."));
        }
    }

    private bool TryEncode(string word, List<int> ids)
    {
        Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> lookup = Table.BySpan;
        for (int start = 0; start < word.Length;)
        {
            int end = word.Length;
            int id = -1;
            for (; end > start; end--)
            {
                ReadOnlySpan<char> piece = start == 0 ? word.AsSpan(0, end) : string.Concat(prefix, word.AsSpan(start, end - start));
                if (lookup.TryGetValue(piece, out id))
                {
                    break;
                }
            }

            if (end == start)
            {
                return false;
            }

            ids.Add(id);
            start = end;
        }

        return true;
    }
}
