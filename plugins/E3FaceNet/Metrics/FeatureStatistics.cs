using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Metrics;

/// <summary>Mean and covariance of pictures' features. Owns its tensors.</summary>
/// <param name="Mean">float64 <c>[D]</c>.</param>
/// <param name="Covariance">float64 <c>[D, D]</c>, divided by the number of pictures.</param>
internal sealed record FeatureStatistics(Tensor Mean, Tensor Covariance) : IDisposable
{
    /// <summary>Of features.</summary>
    /// <param name="features"><c>[N, D]</c>; borrowed.</param>
    public static FeatureStatistics Of(Tensor features)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor wide = features.to(ScalarType.Float64);
        Tensor mean = wide.mean([0]), products = wide.t().matmul(wide).div(wide.size(0));
        return new FeatureStatistics(mean.MoveToOuterDisposeScope(), products.sub(outer(mean, mean)).MoveToOuterDisposeScope());
    }

    /// <summary>The Fréchet distance between two sets of features (FID, where they are Inception's).</summary>
    public static double Distance(FeatureStatistics a, FeatureStatistics b)
    {
        using DisposeScope scope = NewDisposeScope();

        // The trace of the root of a product is that of the roots of its eigenvalues, which those of a symmetric matrix are too.
        (Tensor values, Tensor vectors) = linalg.eigh(a.Covariance);
        Tensor root = vectors.mul(values.clamp_min(0).sqrt()).matmul(vectors.t());
        Tensor product = root.matmul(b.Covariance).matmul(root);
        Tensor roots = linalg.eigvalsh(product.add(product.t()).mul(0.5)).clamp_min(0).sqrt();
        Tensor distance = a.Mean.sub(b.Mean).square().sum().add(a.Covariance.trace()).add(b.Covariance.trace()).sub(roots.sum().mul(2));
        return distance.item<double>();
    }

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        Mean.Dispose();
        Covariance.Dispose();
    }
}
