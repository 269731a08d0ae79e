using System.Text;

namespace Aperture.Text;

/// <summary>SentencePiece's unigram model: the segmentation with the highest sum of scores.</summary>
internal sealed class UnigramModel
{
    private const float UnknownPenalty = 10;

    private readonly SentencePieceFile _file;
    private readonly float _unknownScore;
    private readonly float _maxScore;
    private readonly int _maxLength;

    public UnigramModel(SentencePieceFile file)
    {
        _file = file;
        float minScore = float.MaxValue;
        _maxScore = float.MinValue;
        foreach ((string piece, float score, PieceType type) in file.Pieces)
        {
            if (type == PieceType.Normal)
            {
                minScore = Math.Min(minScore, score);
                _maxScore = Math.Max(_maxScore, score);
            }

            _maxLength = Math.Max(_maxLength, piece.Length);
        }

        _unknownScore = minScore - UnknownPenalty;
    }

    /// <summary>Segments a normalised text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="emit">Called with id (the unknown id for what is no piece), start and length of every piece in order.</param>
    public void Encode(string text, Action<int, int, int> emit)
    {
        (float Score, int Id, int Start)[] best = new (float Score, int Id, int Start)[text.Length + 1];
        Array.Fill(best, (float.NegativeInfinity, -1, -1));
        best[0] = (0, -1, 0);
        Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> lookup = _file.Table.BySpan;
        for (int start = 0; start < text.Length;)
        {
            Rune.DecodeFromUtf16(text.AsSpan(start), out _, out int first);
            bool single = false;
            for (int length = first; length <= _maxLength && start + length <= text.Length; length++)
            {
                if (!lookup.TryGetValue(text.AsSpan(start, length), out int id) || _file.Pieces[id].Type is not (PieceType.Normal or PieceType.UserDefined))
                {
                    continue;
                }

                float score = _file.Pieces[id].Type == PieceType.UserDefined ? (length * _maxScore) - 0.1f : _file.Pieces[id].Score;
                Offer(best, start, length, best[start].Score + score, id);
                single |= length == first;
            }

            if (!single)
            {
                Offer(best, start, first, best[start].Score + _unknownScore, _file.Unknown);
            }

            start += first;
        }

        Stack<(int Id, int Start, int Length)> path = new();
        for (int end = text.Length; end > 0; end = best[end].Start)
        {
            path.Push((best[end].Id, best[end].Start, end - best[end].Start));
        }

        foreach ((int id, int start, int length) in path)
        {
            emit(id, start, length);
        }
    }

    private static void Offer((float Score, int Id, int Start)[] best, int start, int length, float score, int id)
    {
        ref (float Score, int Id, int Start) end = ref best[start + length];
        if (end.Start < 0 || score > end.Score)
        {
            end = (score, id, start);
        }
    }
}
