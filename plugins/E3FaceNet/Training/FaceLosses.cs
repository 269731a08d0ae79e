using Aperture.Plugins.E3FaceNet.Model;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.E3FaceNet.Training;

/// <summary>The losses of training. What is made on the way goes with the caller's scope.</summary>
internal static class FaceLosses
{
    // The published code takes the differences of points once more, at half the weight, where the paper has those of normals.
    private const double PublishedSmoothness = 1.5, NormalWeight = 0.5;

    /// <summary>How rough the surface is: points of neighbours but one.</summary>
    /// <param name="points"><c>[B, 3, V, V]</c>.</param>
    public static Tensor PointSmoothness(Tensor points) => Differences(points, (a, b) => F.l1_loss(a, b));

    /// <summary>The same of depths, squared.</summary>
    /// <param name="depth"><c>[B, V, V]</c>.</param>
    public static Tensor DepthSmoothness(Tensor depth) => Differences(depth.unsqueeze(1), (a, b) => F.mse_loss(a, b));

    /// <summary>Geometric regularisation as published.</summary>
    /// <param name="points"><c>[B, 3, V, V]</c>.</param>
    public static Tensor Geometry(Tensor points) => PointSmoothness(points).mul(PublishedSmoothness);

    /// <summary>Geometric regularisation as the paper has it: of points, and half of normals.</summary>
    /// <param name="points"><c>[B, 3, V, V]</c>.</param>
    public static Tensor GeometryOfNormals(Tensor points)
        => PointSmoothness(points).add(PointSmoothness(RayMaps.Normals(points)).mul(NormalWeight));

    /// <summary>How far sentences move styles.</summary>
    /// <param name="offsets">One a block, <c>[B, 1, D]</c>.</param>
    public static Tensor OffsetNorm(IReadOnlyList<Tensor> offsets) => cat([.. offsets]).abs().mean();

    /// <summary>What the generator wants of a judgement, picture by picture, <c>[B, 1]</c>.</summary>
    public static Tensor Convincing(Judgement judgement)
        => F.softplus(judgement.Real.neg()).add(F.softplus(judgement.Match.neg())).mul(0.5);

    /// <summary>What the discriminator wants of made pictures, <c>[B, 1]</c>; of real ones it wants <see cref="Convincing"/>.</summary>
    public static Tensor Exposing(Judgement judgement) => F.softplus(judgement.Real).add(F.softplus(judgement.Match)).mul(0.5);

    /// <summary>How steep the judgement is at real pictures (R1), picture by picture, <c>[B]</c>.</summary>
    /// <param name="judgement">Of the pictures.</param>
    /// <param name="pictures">The pictures, which require gradients.</param>
    /// <param name="gamma">Weight.</param>
    public static Tensor Steepness(Judgement judgement, Tensor pictures, double gamma)
    {
        Tensor slope = autograd.grad([judgement.Real.sum().add(judgement.Match.sum())], [pictures], retain_graph: true, create_graph: true)[0];
        return slope.square().sum([1, 2, 3]).mul(gamma / 2);
    }

    /// <summary>How far a change of styles changes pictures more or less than usual (path length), face by face.</summary>
    /// <param name="pictures"><c>[B, 3, H, W]</c>.</param>
    /// <param name="styles">The styles that they were made of, <c>[B, copies, D]</c>.</param>
    /// <param name="noise">Standard normal numbers, as many as the pictures have.</param>
    /// <param name="usual">The usual length, a scalar; moved.</param>
    /// <param name="decay">How far it moves.</param>
    /// <returns><c>[B]</c>.</returns>
    public static Tensor PathLength(Tensor pictures, Tensor styles, Tensor noise, Tensor usual, double decay)
    {
        Tensor scaled = noise.div(Math.Sqrt(pictures.size(2) * pictures.size(3)));
        Tensor slope = autograd.grad([pictures.mul(scaled).sum()], [styles], retain_graph: true, create_graph: true)[0];
        Tensor lengths = slope.square().sum(2).mean([1]).sqrt(); // [B, copies, D] -> [B]
        Tensor moved = usual.add(lengths.mean().sub(usual).mul(decay));
        using (no_grad())
        {
            usual.copy_(moved.detach());
        }

        return lengths.sub(moved).square();
    }

    /// <summary>How well each picture tells its own text from the batch's others.</summary>
    /// <param name="logits">Pictures against texts, <c>[B, B]</c>.</param>
    public static Tensor Matching(Tensor logits)
        => F.cross_entropy(logits, arange(logits.size(0), dtype: ScalarType.Int64, device: logits.device));

    private static Tensor Differences(Tensor map, Func<Tensor, Tensor, Tensor> loss)
    {
        long rows = map.size(2), columns = map.size(3);
        return loss(map.narrow(2, 2, rows - 2), map.narrow(2, 0, rows - 2)).add(loss(map.narrow(3, 2, columns - 2), map.narrow(3, 0, columns - 2)));
    }
}
