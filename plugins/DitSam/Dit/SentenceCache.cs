namespace Aperture.Plugins.DitSam.Dit;

/// <summary>The last sentences that were read, so that a sentence asked again, of this picture or another, costs nothing. Owns them.</summary>
internal sealed class SentenceCache : IDisposable
{
    /// <summary>Sentences kept: of ViT-B one is 1.6 MB, of ViT-H 6.6 MB.</summary>
    public const int Capacity = 32;

    private readonly Dictionary<string, LinkedListNode<(string Text, DitSentences Read)>> _found = new(StringComparer.Ordinal);
    private readonly LinkedList<(string Text, DitSentences Read)> _order = new();

    /// <summary>A sentence, read now or before.</summary>
    /// <param name="text">The sentence.</param>
    /// <param name="read">Reads it; what it gives is owned by the cache.</param>
    /// <returns>Borrowed until the next call.</returns>
    public DitSentences Get(string text, Func<DitSentences> read)
    {
        if (_found.TryGetValue(text, out LinkedListNode<(string Text, DitSentences Read)>? node))
        {
            _order.Remove(node);
        }
        else
        {
            node = new((text, read().Kept()));
            _found.Add(text, node);
        }

        _order.AddFirst(node);
        if (_order.Count > Capacity)
        {
            (string oldest, DitSentences dropped) = _order.Last!.Value;
            _order.RemoveLast();
            _found.Remove(oldest);
            dropped.Dispose();
        }

        return node.Value.Read;
    }

    public void Dispose()
    {
        foreach ((_, DitSentences read) in _order)
        {
            read.Dispose();
        }

        _order.Clear();
        _found.Clear();
    }
}
