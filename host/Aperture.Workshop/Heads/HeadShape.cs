using System.Numerics;

namespace Aperture.Workshop;

/// <summary>A surface of a head.</summary>
/// <param name="Color">Its red, green and blue, 0 to 1.</param>
internal abstract record HeadShape(Vector3 Color)
{
    /// <summary>The nearest point at which a ray meets it.</summary>
    /// <param name="origin">Where the ray begins.</param>
    /// <param name="direction">Where it leads.</param>
    /// <returns>How many steps along the ray, and the surface's normal there; infinity where it misses.</returns>
    public abstract (float Steps, Vector3 Normal) Meet(Vector3 origin, Vector3 direction);
}

/// <summary>An ellipsoid, or a part of one.</summary>
/// <param name="Centre">Its centre.</param>
/// <param name="Radii">Its half axes.</param>
/// <param name="Color">Its colour.</param>
/// <param name="Keeps">Which of its points are there; null for all.</param>
internal sealed record HeadEllipsoid(Vector3 Centre, Vector3 Radii, Vector3 Color, Func<Vector3, bool>? Keeps = null) : HeadShape(Color)
{
    public override (float Steps, Vector3 Normal) Meet(Vector3 origin, Vector3 direction)
    {
        Vector3 from = (origin - Centre) / Radii, along = direction / Radii;
        float a = Vector3.Dot(along, along), b = Vector3.Dot(from, along), c = Vector3.Dot(from, from) - 1, root = (b * b) - (a * c);
        if (root < 0)
        {
            return (float.PositiveInfinity, default);
        }

        float spread = MathF.Sqrt(root);
        for (int side = -1; side <= 1; side += 2)
        {
            float steps = (-b + (side * spread)) / a;
            if (Keeps is null || Keeps(origin + (steps * direction)))
            {
                Vector3 normal = Vector3.Normalize((from + (steps * along)) / Radii);
                return (steps, Vector3.Dot(normal, direction) > 0 ? -normal : normal); // what is left of a part shows its inside too
            }
        }

        return (float.PositiveInfinity, default);
    }
}

/// <summary>A flat ring that faces along the first axis.</summary>
/// <param name="Centre">Its centre.</param>
/// <param name="Inner">Inner radius.</param>
/// <param name="Outer">Outer radius.</param>
/// <param name="Color">Its colour.</param>
internal sealed record HeadRing(Vector3 Centre, float Inner, float Outer, Vector3 Color) : HeadShape(Color)
{
    public override (float Steps, Vector3 Normal) Meet(Vector3 origin, Vector3 direction)
    {
        float steps = (Centre.X - origin.X) / direction.X;
        Vector3 place = origin + (steps * direction) - Centre;
        float radius = MathF.Sqrt((place.Y * place.Y) + (place.Z * place.Z));
        return radius >= Inner && radius <= Outer ? (steps, Vector3.UnitX) : (float.PositiveInfinity, default);
    }
}
