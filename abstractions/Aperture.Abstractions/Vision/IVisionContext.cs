using Aperture.Decoding;
using Aperture.Sequences;

namespace Aperture.Vision;

/// <summary>Where a callback inside a vision transformer stands. Valid during the callback only.</summary>
public interface IVisionContext
{
    /// <summary>The request that the pictures belong to; null outside of one.</summary>
    IRequestContext? Request { get; }

    /// <summary>The block, from 0; -1 at the embedding.</summary>
    int Block { get; }

    /// <summary>What each entry of the batch shows.</summary>
    IReadOnlyList<PictureTile> Pictures { get; }

    /// <summary>The grid of patches.</summary>
    VisualGrid Grid { get; }

    /// <summary>Rows in front of those of the grid: prefix rows, then the class token where there is one.</summary>
    int Front { get; }

    /// <summary>The grid place of each row, in the order of the rows; -1 for rows in front and where the place is not known.</summary>
    IReadOnlyList<int> Places { get; }

    /// <summary>Ends the encoding.</summary>
    CancellationToken Cancellation { get; }

    /// <summary>
    /// Says which rows go on, so that their places stay known. The callback then returns as many rows, in this order, or null: the encoder takes the rows
    /// itself.
    /// Without it a change of the number of rows leaves the places unknown, and with them whether the class token is still there; prefix rows are held to
    /// stand in front still.
    /// </summary>
    /// <param name="rows">
    /// Rows of the present tensor, each at most once; -1 for a row that is new and has no place. Rows in front that go on come first, in their order.
    /// </param>
    /// <exception cref="ApertureException">A row does not exist, is named twice, or rows in front are out of order.</exception>
    void Keep(int[] rows);
}
