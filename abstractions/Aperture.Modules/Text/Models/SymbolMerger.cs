using System.Runtime.InteropServices;
using Aperture.Tasks;

namespace Aperture.Text;

/// <summary>
/// The loop of byte-pair merging: of all neighbours that can merge, the pair with the smallest rank goes first, the leftmost one among equals.
/// </summary>
internal static class SymbolMerger
{
    /// <summary>A symbol: a slice of the word and its id; <see cref="Length"/> 0 marks one that was merged away.</summary>
    [StructLayout(LayoutKind.Auto)]
    public struct Symbol
    {
        public int Start, Length, Id, Previous, Next;
        public bool Frozen;
    }

    /// <summary>Says whether two neighbours merge.</summary>
    /// <param name="left">The left symbol.</param>
    /// <param name="right">The right symbol.</param>
    /// <param name="rank">Smaller goes first.</param>
    /// <param name="id">Id of the result.</param>
    public delegate bool TryMerge(in Symbol left, in Symbol right, out float rank, out int id);

    /// <summary>Links the symbols to a list.</summary>
    public static void Link(Span<Symbol> symbols)
    {
        for (int i = 0; i < symbols.Length; i++)
        {
            symbols[i].Previous = i - 1;
            symbols[i].Next = i + 1 < symbols.Length ? i + 1 : -1;
        }
    }

    /// <summary>Merges in place; the first symbol stays the first of the list.</summary>
    public static void Merge(Span<Symbol> symbols, TryMerge tryMerge)
    {
        Link(symbols);
        PriorityQueue<(int Left, int Right, int LeftLength, int RightLength, int Id), (float Rank, int Left)> queue = new();
        for (int i = 0; i + 1 < symbols.Length; i++)
        {
            Offer(symbols, i, i + 1, queue, tryMerge);
        }

        while (queue.TryDequeue(out (int Left, int Right, int LeftLength, int RightLength, int Id) pair, out _))
        {
            ref Symbol left = ref symbols[pair.Left];
            ref Symbol right = ref symbols[pair.Right];
            if (left.Length != pair.LeftLength || right.Length != pair.RightLength || left.Next != pair.Right)
            {
                continue;
            }

            left.Length += right.Length;
            left.Id = pair.Id;
            right.Length = 0;
            left.Next = right.Next;
            if (left.Next >= 0)
            {
                symbols[left.Next].Previous = pair.Left;
                Offer(symbols, pair.Left, left.Next, queue, tryMerge);
            }

            if (left.Previous >= 0)
            {
                Offer(symbols, left.Previous, pair.Left, queue, tryMerge);
            }
        }
    }

    private static void Offer(
        Span<Symbol> symbols,
        int left,
        int right,
        PriorityQueue<(int Left, int Right, int LeftLength, int RightLength, int Id), (float Rank, int Left)> queue,
        TryMerge tryMerge)
    {
        if (tryMerge(symbols[left], symbols[right], out float rank, out int id))
        {
            queue.Enqueue((left, right, symbols[left].Length, symbols[right].Length, id), (rank, left));
        }
    }
}
