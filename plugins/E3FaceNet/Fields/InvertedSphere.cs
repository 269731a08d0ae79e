using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Fields;

/// <summary>Points outside the unit sphere as a direction and the inverse of their distance (NeRF++).</summary>
internal static class InvertedSphere
{
    /// <summary>The points of rays at inverse distances. Shapes are broadcast.</summary>
    /// <param name="origin">Where rays begin, within the sphere, <c>[…, 3]</c>; borrowed.</param>
    /// <param name="direction">Where they lead, <c>[…, 3]</c>; borrowed.</param>
    /// <param name="inverse">Inverse distances from the centre, 0 to 1, <c>[…]</c>; borrowed.</param>
    /// <returns>Directions and inverse distances, <c>[…, 4]</c>; the caller disposes it.</returns>
    public static Tensor Points(Tensor origin, Tensor direction, Tensor inverse)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor nearest = Dot(direction, origin).neg().div(Dot(direction, direction)); // of the ray to the centre: [..., 1]
        Tensor middle = origin.add(nearest.mul(direction));
        Tensor distance = Length(middle);
        Tensor onward = distance.square().neg().add(1).sqrt().div(Length(direction));
        Tensor onSphere = origin.add(nearest.add(onward).mul(direction));
        Tensor axis = Cross(origin.expand_as(onSphere), onSphere);
        axis = axis.div(Length(axis));

        // The point on the sphere turns around the axis by what the angles to the middle differ (Rodrigues).
        Tensor angle = distance.asin().sub(distance.mul(inverse.unsqueeze(-1)).asin());
        Tensor cosine = angle.cos();
        Tensor turned = onSphere.mul(cosine).add(Cross(axis, onSphere).mul(angle.sin())).add(axis.mul(Dot(axis, onSphere)).mul(cosine.neg().add(1)));
        Tensor unit = turned.div(Length(turned));
        return cat([unit, inverse.unsqueeze(-1).expand_as(unit.narrow(-1, 0, 1))], -1).MoveToOuterDisposeScope(); // [..., 3] + [..., 1] -> [..., 4]
    }

    private static Tensor Dot(Tensor a, Tensor b) => a.mul(b).sum(-1, keepdim: true);

    private static Tensor Length(Tensor a) => a.norm(-1, true);

    private static Tensor Cross(Tensor a, Tensor b) => linalg.cross(a, b);
}
