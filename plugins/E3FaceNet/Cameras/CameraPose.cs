using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Cameras;

/// <summary>Where a camera stands on the sphere around the face, looking at its centre.</summary>
/// <param name="Yaw">Angle around the upright axis, in radians; 0 is in front of the face.</param>
/// <param name="Polar">Angle from the upright axis, in radians; half of pi is level with the face.</param>
/// <param name="Radius">Distance from the centre.</param>
internal readonly record struct CameraPose(double Yaw, double Polar, double Radius = 1)
{
    private const float Smallest = 1e-8f;

    /// <summary>Its place.</summary>
    public (double X, double Y, double Z) Location
        => (Radius * Math.Sin(Polar) * Math.Cos(Yaw), Radius * Math.Sin(Polar) * Math.Sin(Yaw), Radius * Math.Cos(Polar));

    /// <summary>The matrices that take the cameras' coordinates to the world's.</summary>
    /// <param name="poses">The cameras.</param>
    /// <returns><c>[B, 4, 4]</c>; the caller disposes it.</returns>
    public static Tensor World(IReadOnlyList<CameraPose> poses) => World([.. poses.Select(pose => pose.Location)]);

    /// <summary>The same of cameras that stand anywhere and look at the centre.</summary>
    /// <param name="places">Their places, not on the upright axis.</param>
    /// <returns><c>[B, 4, 4]</c>; the caller disposes it.</returns>
    public static Tensor World(IReadOnlyList<(double X, double Y, double Z)> places)
    {
        float[] matrices = [.. places.SelectMany(place => Matrix((float)place.X, (float)place.Y, (float)place.Z))];
        return tensor(matrices, [places.Count, 4, 4]);
    }

    // Columns: right, up, away from the centre, place.
    private static float[] Matrix(float x, float y, float z)
    {
        float[] away = Unit(x, y, z);
        float[] right = Unit(-away[1], away[0], 0); // (0, 0, 1) x away
        float[] up = Unit(
            (away[1] * right[2]) - (away[2] * right[1]), (away[2] * right[0]) - (away[0] * right[2]), (away[0] * right[1]) - (away[1] * right[0]));
        return
        [
            right[0], up[0], away[0], x,
            right[1], up[1], away[1], y,
            right[2], up[2], away[2], z,
            0, 0, 0, 1,
        ];
    }

    private static float[] Unit(float x, float y, float z)
    {
        float length = Math.Max(MathF.Sqrt((x * x) + (y * y) + (z * z)), Smallest);
        return [x / length, y / length, z / length];
    }
}
