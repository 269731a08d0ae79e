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
        var minScore = float.MaxValue;
        _maxScore = float.MinValue;
        foreach (var (piece, score, type) in file.Pieces)
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
        var best = new (float Score, int Id, int Start)[text.Length + 1];
        Array.Fill(best, (float.NegativeInfinity, -1, -1));
        best[0] = (0, -1, 0);
        var lookup = _file.Table.BySpan;
        for (var start = 0; start < text.Length;)
        {
            Rune.DecodeFromUtf16(text.AsSpan(start), out _, out var first);
            var single = false;
            for (var length = first; length <= _maxLength && start + length <= text.Length; length++)
            {
                if (!lookup.TryGetValue(text.AsSpan(start, length), out var id) || _file.Pieces[id].Type is not (PieceType.Normal or PieceType.UserDefined))
                {
                    continue;
                }

                var score = _file.Pieces[id].Type == PieceType.UserDefined ? (length * _maxScore) - 0.1f : _file.Pieces[id].Score;
                Offer(best, start, length, best[start].Score + score, id);
                single |= length == first;
            }

            if (!single)
            {
                Offer(best, start, first, best[start].Score + _unknownScore, _file.Unknown);
            }

            start += first;
        }

        var path = new Stack<(int Id, int Start, int Length)>();
        for (var end = text.Length; end > 0; end = best[end].Start)
        {
            path.Push((best[end].Id, best[end].Start, end - best[end].Start));
        }

        foreach (var (id, start, length) in path)
        {
            emit(id, start, length);
        }
    }

    private static void Offer((float Score, int Id, int Start)[] best, int start, int length, float score, int id)
    {
        ref var end = ref best[start + length];
        if (end.Start < 0 || score > end.Score)
        {
            end = (score, id, start);
        }
    }
}
