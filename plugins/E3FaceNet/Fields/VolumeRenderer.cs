using Aperture.Plugins.E3FaceNet.Cameras;
using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Fields;

/// <summary>Gathers along rays what the fields say of their points.</summary>
/// <param name="face">The face's field.</param>
/// <param name="background">The field behind it; null for none.</param>
/// <param name="settings">The model's.</param>
internal sealed class VolumeRenderer(FaceField face, BackgroundField? background, FaceSettings settings)
{
    /// <summary>Renders rays, some rows of them after the other.</summary>
    /// <param name="rays">The rays; borrowed.</param>
    /// <param name="kernels">The face; borrowed.</param>
    /// <param name="behind">The background's noise, <c>[1 or B, noise]</c>; borrowed.</param>
    /// <param name="how">How.</param>
    /// <param name="noise">Random numbers of training; null to render without.</param>
    /// <param name="run">When to stop, and who listens: <c>nerf.*</c>.</param>
    /// <returns>What rays show; the caller disposes it.</returns>
    public RenderedRays Run(Rays rays, FieldKernels kernels, Tensor behind, RenderSettings how, IRenderNoise? noise, TaskRun run)
    {
        int rows = how.SliceRows > 0 && noise is null && !how.KeepsSamples ? how.SliceRows : rays.Rows;
        if (rows >= rays.Rows)
        {
            return Part(rays, kernels, behind, how, noise, run);
        }

        List<RenderedRays> parts = [];
        try
        {
            for (int row = 0; row < rays.Rows; row += rows)
            {
                run.Cancellation.ThrowIfCancellationRequested();
                using Rays slice = rays.Slice(row, Math.Min(rows, rays.Rows - row));
                using Rays? other = how.BackgroundRays?.Slice(row, slice.Rows);
                parts.Add(Part(slice, kernels, behind, how with { BackgroundRays = other }, null, TaskRun.Plain));
            }

            return new RenderedRays(
                cat([.. parts.Select(part => part.Features)], 1), how.Face ? cat([.. parts.Select(part => part.Depth!)], 1) : null); // [B, n, C] -> [B, N, C]
        }
        finally
        {
            parts.ForEach(part => part.Dispose());
        }
    }

    private RenderedRays Part(Rays rays, FieldKernels kernels, Tensor behind, RenderSettings how, IRenderNoise? noise, TaskRun run)
    {
        using DisposeScope scope = NewDisposeScope();
        bool shows = how.Background && background is not null;
        FaceSamples? inFace = how.Face ? Face(rays, kernels, how, shows ? 0 : RayWeights.Infinite, noise, run) : null;
        Tensor? features = inFace is null ? null : Sum(inFace.Weights, inFace.Features); // [B, N, C]
        Tensor? depth = inFace?.Weights.mul(inFace.Depths).sum(-1, keepdim: true); // [B, N, 1]
        Tensor? samples = inFace?.Features, weights = inFace?.Weights;
        if (features is not null)
        {
            run.Value("nerf.fg_feat", features);
        }

        if (shows)
        {
            (Tensor backFeatures, Tensor backWeights) = Behind(how.BackgroundRays ?? rays, behind, how, noise, run);
            Tensor passed = inFace is null ? backWeights : backWeights.mul(inFace.Passed.unsqueeze(-1)); // [B, N, S]
            Tensor seen = Sum(passed, backFeatures);
            run.Value("nerf.bg_feat", seen);
            features = features is null ? seen : features.add(seen);
            if (how.KeepsSamples)
            {
                samples = samples is null ? backFeatures : cat([samples, backFeatures], 2);
                weights = weights is null ? passed : cat([weights, passed], 2);
            }
        }

        return new RenderedRays(features!, depth)
        {
            Samples = how.KeepsSamples ? samples : null,
            Weights = how.KeepsSamples ? weights : null,
            FaceWeights = how.KeepsSamples ? inFace?.Weights : null,
            FaceDepths = how.KeepsSamples ? inFace?.Depths : null,
        }.Outwards();
    }

    private FaceSamples Face(Rays rays, FieldKernels kernels, RenderSettings how, double last, IRenderNoise? noise, TaskRun run)
    {
        long batch = rays.Batch, count = rays.Count, samples = how.Samples;
        Tensor at = Spread(0, 1, batch, count, samples, noise, rays.Direction.device); // [B, N, S]
        Tensor depth = DepthOf(at);
        FieldValues coarse = face.Run(Points(rays, depth), rays.Rows, kernels);
        Tensor density = Density(coarse.Density, noise);
        (Tensor weights, Tensor passed) = RayWeights.Of(density, depth, rays.Direction, last);
        run.Value("nerf.di_coarse", at);
        run.Value("nerf.coarse_weights", weights);
        if (!how.Hierarchical)
        {
            return new FaceSamples(coarse.Features, depth, weights, passed);
        }

        Tensor placed = Placed(at, weights, noise);
        run.Value("nerf.di_fine", placed);
        Tensor placedDepth = DepthOf(placed);
        FieldValues fine = face.Run(Points(rays, placedDepth), rays.Rows, kernels);

        // Weights need samples in their order, features do not: they stay where they are, and the weights go back to them.
        (Tensor sorted, Tensor order) = sort(cat([placed, at], -1), -1); // [B, N, 2 S]
        Tensor depths = cat([placedDepth, depth], -1), sortedDepth = depths.gather(-1, order);
        Tensor sortedDensity = cat([Density(fine.Density, noise), density], -1).gather(-1, order);
        (Tensor sortedWeights, passed) = RayWeights.Of(sortedDensity, sortedDepth, rays.Direction, last);
        weights = zeros_like(sortedWeights).scatter(-1, order, sortedWeights);
        run.Value("nerf.di", sorted);
        run.Value("nerf.z", sortedDepth);
        run.Value("nerf.weights", sortedWeights);
        run.Value("nerf.bg_lambda", passed);
        return new FaceSamples(cat([fine.Features, coarse.Features], 2), depths, weights, passed);
    }

    private (Tensor Features, Tensor Weights) Behind(Rays rays, Tensor behind, RenderSettings how, IRenderNoise? noise, TaskRun run)
    {
        long batch = rays.Batch, count = rays.Count, samples = how.BackgroundSamples;
        Tensor at = Spread(-1, 0, batch, count, samples, noise, rays.Direction.device, settings.BackgroundStart);
        Tensor unit = rays.Direction.div(rays.Direction.norm(-1, true));
        Tensor points = InvertedSphere.Points(rays.Origin.unsqueeze(2), unit.unsqueeze(2), at.neg()); // [B, N, S, 4]
        FieldValues values = background!.Run(points, rays.Rows, behind);
        (Tensor weights, _) = RayWeights.Of(Density(values.Density, noise), at, null, RayWeights.Infinite);
        run.Value("nerf.bg_weights", weights);
        return (values.Features, weights);
    }

    // Evenly from one end to the other, in training anywhere in the cell around each place.
    private static Tensor Spread(double from, double to, long batch, long count, long samples, IRenderNoise? noise, Device device, double scale = 1)
    {
        Tensor at = linspace(from, to, samples, device: device).mul(scale).expand(batch, count, samples); // [S] -> [B, N, S]
        if (noise is null)
        {
            return at;
        }

        Tensor middle = Middles(at);
        Tensor low = cat([at.narrow(-1, 0, 1), middle], -1), high = cat([middle, at.narrow(-1, samples - 1, 1)], -1);
        return low.add(high.sub(low).mul(noise.Uniform(batch, count, samples)));
    }

    private static Tensor Middles(Tensor at)
    {
        long samples = at.size(-1);
        return at.narrow(-1, 1, samples - 1).add(at.narrow(-1, 0, samples - 1)).mul(0.5); // [B, N, S] -> [B, N, S - 1]
    }

    private static Tensor Placed(Tensor at, Tensor weights, IRenderNoise? noise)
    {
        using IDisposable quiet = no_grad();
        long batch = at.size(0), count = at.size(1), samples = at.size(2);
        Tensor edges = Middles(at).reshape(-1, samples - 1); // [B N, S - 1]
        Tensor inner = weights.narrow(-1, 1, samples - 2).reshape(-1, samples - 2);
        Tensor where = noise is null
            ? linspace(0, 1, samples, device: at.device).expand(batch * count, samples) : noise.Uniform(batch * count, samples);
        return ImportanceSamples.Place(edges, inner, where).view(batch, count, samples); // [B N, S] -> [B, N, S]
    }

    private static Tensor Density(Tensor raw, IRenderNoise? noise) => noise is null ? raw.relu() : raw.add(noise.Normal(raw.shape)).relu();

    private static Tensor Points(Rays rays, Tensor depth)
        => rays.Origin.unsqueeze(2).add(depth.unsqueeze(-1).mul(rays.Direction.unsqueeze(2))); // [B, 1, 1, 3] + [B, N, S, 1] x [B, N, 1, 3]

    // [B, N, S] and [B, N, S, C] -> [B, N, C]
    private static Tensor Sum(Tensor weights, Tensor features) => weights.unsqueeze(2).matmul(features).squeeze(2);

    private Tensor DepthOf(Tensor at) => at.mul(settings.Far).add(at.neg().add(1).mul(settings.Near));

    private sealed record FaceSamples(Tensor Features, Tensor Depths, Tensor Weights, Tensor Passed);
}
