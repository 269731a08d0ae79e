using System.Numerics;
using static Aperture.Workshop.HeadAttribute;

namespace Aperture.Workshop;

/// <summary>The surfaces of a head in usual proportions, within a tenth of the camera's distance around the centre.</summary>
internal static class HeadShapes
{
    private static readonly Vector3 _white = Rgb((235, 235, 235)), _pupil = Rgb((45, 30, 25)), _frame = Rgb((20, 20, 24)), _hat = Rgb((45, 80, 190));
    private static readonly Vector3 _shirt = Rgb((95, 65, 125)), _redLips = Rgb((200, 40, 60));

    /// <summary>The surfaces.</summary>
    public static IReadOnlyList<HeadShape> Of(PaintedHead head)
    {
        Vector3 skin = Rgb(HeadWords.Skins[head[Skin]]), hair = Rgb(HeadWords.Hairs[head[HairColor]]);
        bool woman = head.Word(Person) == "woman";
        List<HeadShape> shapes =
        [
            new HeadEllipsoid(new(0, 0, 0), new(0.062f, 0.050f, 0.068f), skin),
            new HeadEllipsoid(new(0.016f, 0, -0.043f), woman ? new(0.034f, 0.026f, 0.028f) : new(0.038f, 0.038f, 0.030f), skin), // the chin
            new HeadEllipsoid(new(-0.010f, 0, -0.085f), new(0.026f, 0.026f, 0.060f), skin), // the neck
            new HeadEllipsoid(new(-0.012f, 0, -0.125f), new(0.040f, 0.090f, 0.045f), _shirt),
            new HeadEllipsoid(new(0.063f, 0, -0.006f), new(0.012f, 0.008f, 0.014f), skin * 0.92f), // the nose
            new HeadEllipsoid(new(0.052f, 0, -0.035f), new(0.012f, 0.017f, 0.0055f), woman ? _redLips : skin * 0.7f),
            new HeadEllipsoid(new(-0.008f, 0, 0.010f), new(0.066f, 0.057f, 0.070f), hair, at => at.Z - at.X > -0.006f && at.Z > -0.035f),
        ];
        foreach (int side in (int[])[-1, 1])
        {
            shapes.Add(new HeadEllipsoid(new(0.050f, side * 0.019f, 0.012f), new(0.009f, 0.0105f, 0.0070f), _white));
            shapes.Add(new HeadEllipsoid(new(0.0555f, side * 0.019f, 0.012f), new(0.0050f, 0.0050f, 0.0055f), _pupil));
            shapes.Add(new HeadEllipsoid(new(0.051f, side * 0.020f, 0.027f), new(0.009f, 0.012f, woman ? 0.0022f : 0.0040f), hair * 0.8f)); // the brow
            shapes.Add(new HeadEllipsoid(new(-0.002f, side * 0.051f, 0), new(0.010f, 0.007f, 0.015f), skin)); // the ear
        }

        if (head.Word(HairLength) == "long")
        {
            shapes.Add(new HeadEllipsoid(new(-0.022f, 0, -0.030f), new(0.052f, 0.068f, 0.082f), hair, at => at.X < 0.012f && at.Z < 0.045f));
        }

        if (head[Beard] > 0)
        {
            shapes.Add(new HeadEllipsoid(
                new(0.006f, 0, -0.036f), new(0.055f, 0.048f, 0.046f), hair, at => at.Z < -0.020f && at.X > -0.004f && !IsMouth(at)));
        }

        if (head[Glasses] > 0)
        {
            shapes.AddRange(Spectacles());
        }

        if (head[Hat] > 0)
        {
            shapes.Add(new HeadEllipsoid(new(-0.004f, 0, 0.038f), new(0.070f, 0.061f, 0.050f), _hat, at => at.Z > 0.038f));
            shapes.Add(new HeadEllipsoid(new(0, 0, 0.039f), new(0.088f, 0.078f, 0.006f), _hat));
        }

        return shapes;
    }

    /// <summary>A colour from 0 to 1.</summary>
    public static Vector3 Rgb((int Red, int Green, int Blue) color) => new Vector3(color.Red, color.Green, color.Blue) / 255;

    private static bool IsMouth(Vector3 at) => Math.Abs(at.Y) < 0.018f && Math.Abs(at.Z + 0.035f) < 0.007f;

    private static IEnumerable<HeadShape> Spectacles()
    {
        foreach (int side in (int[])[-1, 1])
        {
            yield return new HeadRing(new(0.067f, side * 0.020f, 0.011f), 0.0115f, 0.0165f, _frame);
            yield return new HeadEllipsoid(new(0.032f, side * 0.046f, 0.014f), new(0.042f, 0.012f, 0.0028f), _frame, at => Math.Abs(at.Y) > 0.036f);
        }

        yield return new HeadEllipsoid(new(0.067f, 0, 0.014f), new(0.002f, 0.005f, 0.0025f), _frame); // between them
    }
}
