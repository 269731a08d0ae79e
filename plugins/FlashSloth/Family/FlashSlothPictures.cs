using Aperture.Images;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.FlashSloth.Family;

/// <summary>
/// FlashSloth's preprocessing: the whole picture squashed to a square; in HD beside it four tiles of the picture padded to a square with grey and resized to
/// twice the side, row by row.
/// </summary>
/// <param name="side">Side of the tower's pictures in pixels.</param>
/// <param name="hd">Whether there are tiles.</param>
/// <param name="pad">Whether the whole picture is padded instead of squashed, without tiles.</param>
internal sealed class FlashSlothPictures(int side, bool hd, bool pad)
{
    private const byte Grey = 127;
    private const int TilesPerSide = 2;

    private readonly ClipImageProcessor _processor = new(new ClipImageProcessorConfig
    {
        ShortestEdge = null,
        Width = side,
        Height = side,
        DoCenterCrop = false,
        ImageMean = [0.5, 0.5, 0.5],
        ImageStd = [0.5, 0.5, 0.5],
    });

    /// <summary>Tiles of a picture, the whole one counted.</summary>
    public int Tiles => hd ? 1 + (TilesPerSide * TilesPerSide) : 1;

    /// <summary>Side of the tower's pictures in pixels.</summary>
    public int Side => side;

    /// <summary>The 8-bit part of the work.</summary>
    /// <param name="picture">The picture.</param>
    /// <returns>The tiles, the whole picture first, each of <see cref="Side"/> squared.</returns>
    public IReadOnlyList<Image> Cut(Image picture)
    {
        Image rgb = picture.ConvertToRgb();
        if (!hd)
        {
            return [_processor.Prepare(pad ? rgb.PadToSquare(Grey, Grey, Grey) : rgb)];
        }

        Image canvas = rgb.PadToSquare(Grey, Grey, Grey).Resize(side * TilesPerSide, side * TilesPerSide);
        return
        [
            _processor.Prepare(rgb),
            .. Enumerable.Range(0, TilesPerSide * TilesPerSide).Select(
                tile => canvas.Crop(tile % TilesPerSide * side, tile / TilesPerSide * side, side, side)),
        ];
    }

    /// <summary>Pixel values of all tiles.</summary>
    /// <param name="picture">The picture.</param>
    /// <returns>float32 <c>[tiles, 3, side, side]</c>; the caller disposes it.</returns>
    public Tensor Process(Image picture)
    {
        using DisposeScope scope = NewDisposeScope();
        return stack([.. Cut(picture).Select(_processor.Process)], 0).MoveToOuterDisposeScope();
    }

    /// <summary>The rectangles of the picture that the tiles' patches cover.</summary>
    /// <param name="width">Width of the picture in pixels.</param>
    /// <param name="height">Its height.</param>
    /// <param name="seen">The part of a side that patches cover: what is over a multiple of a patch is not read.</param>
    public IReadOnlyList<PictureArea> Areas(int width, int height, double seen)
    {
        double longest = Math.Max(width, height), x = Math.Floor((longest - width) / 2), y = Math.Floor((longest - height) / 2);
        if (!hd)
        {
            return [pad ? new PictureArea(-x, -y, longest * seen, longest * seen) : new PictureArea(0, 0, width * seen, height * seen)];
        }

        double tile = longest / TilesPerSide;
        return
        [
            new PictureArea(0, 0, width * seen, height * seen),
            .. Enumerable.Range(0, TilesPerSide * TilesPerSide).Select(
                i => new PictureArea((i % TilesPerSide * tile) - x, (i / TilesPerSide * tile) - y, tile * seen, tile * seen)),
        ];
    }
}
