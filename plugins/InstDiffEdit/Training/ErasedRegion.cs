using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit.Training;

/// <summary>What an inpainting model is to paint: an ellipse or a box around one of a sample's regions, or anywhere, and what may be said about it.</summary>
/// <param name="side">Side of the square picture in pixels.</param>
/// <param name="box">Its edges.</param>
/// <param name="isRound">Whether it is the ellipse inside.</param>
/// <param name="sentences">The sentences.</param>
internal sealed class ErasedRegion(int side, (double Left, double Top, double Right, double Bottom) box, bool isRound, IReadOnlyList<string> sentences)
{
    private const double Anywhere = 0.2, Least = 0.15, Most = 0.7, MostAround = 0.08, Round = 0.5;

    /// <summary>What may be said.</summary>
    public IReadOnlyList<string> Sentences => sentences;

    /// <summary>Draws a region.</summary>
    /// <param name="sample">The sample; its boxes are in pixels of a picture of this side.</param>
    /// <param name="side">The side.</param>
    /// <param name="random">Draws.</param>
    public static ErasedRegion Draw(DiffusionSample sample, int side, Random random)
    {
        bool isRound = random.NextDouble() < Round;
        if (sample.Regions.Count == 0 || random.NextDouble() < Anywhere)
        {
            double Length() => side * (Least + ((Most - Least) * random.NextDouble()));
            double width = Length(), height = Length(), left = (side - width) * random.NextDouble(), top = (side - height) * random.NextDouble();
            return new ErasedRegion(side, (left, top, left + width, top + height), isRound, sample.Sentences);
        }

        // An ellipse around a box would cut its corners off; it reaches further.
        DiffusionRegion region = sample.Regions[random.Next(sample.Regions.Count)];
        double Around(double length) => (MostAround * side * random.NextDouble()) + (isRound ? length * (Math.Sqrt(2) - 1) / 4 : 0);
        double across = region.Right - region.Left, down = region.Bottom - region.Top;
        return new ErasedRegion(
            side, (region.Left - Around(across), region.Top - Around(down), region.Right + Around(across), region.Bottom + Around(down)), isRound,
            region.Sentences);
    }

    /// <summary>1 inside, 0 outside: float32 <c>[1, 1, side, side]</c>; the caller disposes it.</summary>
    public Tensor Mask()
    {
        float[] inside = new float[side * side];
        double x0 = (box.Left + box.Right) / 2, y0 = (box.Top + box.Bottom) / 2, across = (box.Right - box.Left) / 2, down = (box.Bottom - box.Top) / 2;
        for (int pixel = 0; pixel < inside.Length; pixel++)
        {
            double x = ((pixel % side) + 0.5 - x0) / across, y = ((pixel / side) + 0.5 - y0) / down; // -1 to 1 inside the box
            inside[pixel] = (isRound ? (x * x) + (y * y) <= 1 : Math.Abs(x) <= 1 && Math.Abs(y) <= 1) ? 1 : 0;
        }

        return tensor(inside, [1, 1, side, side]);
    }
}
