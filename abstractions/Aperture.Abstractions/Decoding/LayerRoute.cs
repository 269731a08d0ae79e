using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>How one sample passes through one layer: a closed set of plans that the host carries out.</summary>
public abstract record LayerRoute
{
    private LayerRoute()
    {
    }

    /// <summary>All rows run through the layer as usual.</summary>
    public static LayerRoute Run { get; } = new All();

    /// <summary>The layer is the identity; its cache stays as it is.</summary>
    public static LayerRoute Skip { get; } = new None();

    /// <summary>All rows run.</summary>
    public sealed record All : LayerRoute;

    /// <summary>No row runs.</summary>
    public sealed record None : LayerRoute;

    /// <summary>Only some rows run; the others pass by unchanged. The layer's cache gets these rows only.</summary>
    /// <param name="Rows">Rows of the sample, strictly ascending.</param>
    /// <exception cref="ApertureException">The rows do not ascend, or are negative.</exception>
    public sealed record Subset(int[] Rows) : LayerRoute
    {
        private readonly int[] _rows = RowSelection.CheckAscending(Rows, Which);

        /// <summary>Rows of the sample, strictly ascending.</summary>
        public int[] Rows
        {
            get => _rows;
            init => _rows = RowSelection.CheckAscending(value, Which);
        }

        /// <summary>Factor on the attention branch, one a row, float32 <c>[rows]</c>; null means 1. The host disposes it.</summary>
        public Tensor? AttentionScale { get; init; }

        /// <summary>Factor on the feed-forward branch, one a row, float32 <c>[rows]</c>; null means 1. The host disposes it.</summary>
        public Tensor? FeedForwardScale { get; init; }

        /// <summary>
        /// Position ids inside the layer, <c>[axes][rows]</c>; null keeps the rows' own. One array alone holds for every axis of the model's positions.
        /// </summary>
        public int[][]? Positions { get; init; }

        private const string Which = "the rows that run";
    }

    /// <summary>The plugin computes the layer's output: no attention, no output projection, no cache.</summary>
    /// <param name="Compute">Gives the layer's output rows <c>[rows, d]</c>.</param>
    public sealed record Composite(CompositeLayer Compute) : LayerRoute;
}
