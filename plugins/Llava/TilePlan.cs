using Aperture.Images;
using Aperture.Sequences;
using Aperture.Vision;

namespace Aperture.Plugins.Llava;

/// <summary>How one picture lies on a canvas that is cut into tiles; all in pixels. Without tiles the picture is looked at as a whole only.</summary>
/// <param name="Width">Width of the picture.</param>
/// <param name="Height">Height of the picture.</param>
/// <param name="Side">Side of a tile.</param>
/// <param name="Columns">Tiles beside each other; 0 for none.</param>
/// <param name="Rows">Tiles above each other; 0 for none.</param>
internal sealed record TilePlan(int Width, int Height, int Side, int Columns, int Rows)
{
    private const int Decimals = 7;

    /// <summary>Number of tiles, the whole picture not counted.</summary>
    public int Tiles => Columns * Rows;

    /// <summary>Width of the canvas.</summary>
    public int CanvasWidth => Columns * Side;

    /// <summary>Height of the canvas.</summary>
    public int CanvasHeight => Rows * Side;

    /// <summary>
    /// The size of the picture on the canvas: one side fills it, the other is rounded up as the double product comes out, which may be a pixel more than the
    /// quotient.
    /// </summary>
    public (int Width, int Height) Resized
    {
        get
        {
            double across = (double)CanvasWidth / Width, down = (double)CanvasHeight / Height;
            return across < down
                ? (CanvasWidth, Math.Min((int)Math.Ceiling(Height * across), CanvasHeight))
                : (Math.Min((int)Math.Ceiling(Width * down), CanvasWidth), CanvasHeight);
        }
    }

    /// <summary>Where the picture's upper left corner lies on the canvas.</summary>
    public (int X, int Y) Corner => ((CanvasWidth - Resized.Width) / 2, (CanvasHeight - Resized.Height) / 2);

    /// <summary>Checks the sizes.</summary>
    /// <returns>The same plan.</returns>
    /// <exception cref="ApertureException">The picture has no area.</exception>
    public TilePlan Checked()
        => Width > 0 && Height > 0 ? this : throw new ApertureException($"A picture of {Width}x{Height} pixels has no area, so there is nothing to look at.");

    /// <summary>The picture on its canvas, black around it.</summary>
    /// <param name="rgb">The picture, RGB.</param>
    /// <param name="filter">The filter of the resize.</param>
    public Image Canvas(Image rgb, ResampleFilter filter)
    {
        (int width, int height) = Resized;
        (int x, int y) = Corner;
        return Image.Filled(CanvasWidth, CanvasHeight, 0, 0, 0).Paste(rgb.Resize(width, height, filter), x, y);
    }

    /// <summary>The whole picture, squashed to a tile's size, and the tiles, row by row.</summary>
    /// <param name="rgb">The picture, RGB.</param>
    /// <param name="filter">The filter of both resizes.</param>
    public IEnumerable<Image> Cut(Image rgb, ResampleFilter filter)
    {
        yield return rgb.Resize(Side, Side, filter);
        Image? canvas = Tiles > 0 ? Canvas(rgb, filter) : null;
        for (int tile = 0; tile < Tiles; tile++)
        {
            yield return canvas!.Crop(tile % Columns * Side, tile / Columns * Side, Side, Side);
        }
    }

    /// <summary>The part of the tiles' joined grid that shows the picture.</summary>
    /// <param name="grid">Rows and columns of a tile's grid.</param>
    /// <param name="unpad">Whether padding is cut off; else it is the whole grid.</param>
    /// <param name="round">Whether the size is rounded to seven decimals before it is cut to a whole number.</param>
    public GridPart Part(VisualGrid grid, bool unpad, bool round)
    {
        int rows = Rows * grid.Rows, columns = Columns * grid.Columns;
        if (!unpad)
        {
            return new GridPart(0, 0, new VisualGrid(rows, columns));
        }

        if ((double)Width / Height > (double)columns / rows)
        {
            int padding = (rows - Whole(Height * ((double)columns / Width), round)) / 2;
            return new GridPart(padding, 0, new VisualGrid(rows - (2 * padding), columns));
        }

        int beside = (columns - Whole(Width * ((double)rows / Height), round)) / 2;
        return new GridPart(0, beside, new VisualGrid(rows, columns - (2 * beside)));
    }

    /// <summary>The rectangle of the picture that some cells of the joined grid cover.</summary>
    /// <param name="grid">Rows and columns of a tile's grid.</param>
    /// <param name="part">The cells.</param>
    public PictureArea AreaOf(VisualGrid grid, GridPart part)
    {
        (int width, int height) = Resized;
        (int x, int y) = Corner;
        double across = (double)Width / width, down = (double)Height / height;
        double cellWidth = (double)Side / grid.Columns, cellHeight = (double)Side / grid.Rows;
        return new PictureArea(
            ((part.Column * cellWidth) - x) * across, ((part.Row * cellHeight) - y) * down,
            part.Grid.Columns * cellWidth * across, part.Grid.Rows * cellHeight * down);
    }

    private static int Whole(double size, bool round) => (int)(round ? Math.Round(size, Decimals, MidpointRounding.ToEven) : size);
}

/// <summary>A part of a joined grid.</summary>
/// <param name="Row">Its first row.</param>
/// <param name="Column">Its first column.</param>
/// <param name="Grid">Its rows and columns.</param>
internal readonly record struct GridPart(int Row, int Column, VisualGrid Grid);
