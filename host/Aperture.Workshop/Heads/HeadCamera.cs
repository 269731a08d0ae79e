using System.Numerics;

namespace Aperture.Workshop;

/// <summary>
/// A camera on the unit sphere around a head that looks at its centre, as StyleNeRF's cameras do: the head looks along the first axis, the third is upright,
/// and the picture's outermost pixels are its corners.
/// </summary>
/// <param name="Yaw">Angle around the upright axis in radians; above 0 the camera moves to its right.</param>
/// <param name="Pitch">Angle above the level in radians.</param>
public readonly record struct HeadCamera(double Yaw, double Pitch)
{
    /// <summary>Distances between which a head lies.</summary>
    public const double Near = 0.88, Far = 1.12;

    private const double Opening = 12; // degrees

    /// <summary>Half the picture's side at distance 1.</summary>
    public static double HalfSide { get; } = Math.Tan(Opening * Math.PI / 360);

    /// <summary>Its place.</summary>
    public Vector3 Place => new((float)(Math.Cos(Pitch) * Math.Cos(Yaw)), (float)(Math.Cos(Pitch) * Math.Sin(Yaw)), (float)Math.Sin(Pitch));

    private Vector3 Right => new((float)-Math.Sin(Yaw), (float)Math.Cos(Yaw), 0);

    private Vector3 Up => Vector3.Cross(Place, Right);

    /// <summary>Where the ray through a place in the picture leads; a step along it goes 1 away from the camera's plane.</summary>
    /// <param name="x">From -1, left, to 1.</param>
    /// <param name="y">From -1, below, to 1.</param>
    public Vector3 Direction(double x, double y) => (Right * (float)(x * HalfSide)) + (Up * (float)(y * HalfSide)) - Place;

    /// <summary>Where a point shows in the picture, and its distance from the camera's plane.</summary>
    public (double X, double Y, double Depth) Project(Vector3 point)
    {
        Vector3 seen = point - Place;
        double depth = -Vector3.Dot(seen, Place);
        return (Vector3.Dot(seen, Right) / depth / HalfSide, Vector3.Dot(seen, Up) / depth / HalfSide, depth);
    }
}
