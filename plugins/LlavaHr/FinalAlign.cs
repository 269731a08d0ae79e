using Aperture.Decoding;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.LlavaHr;

/// <summary>The last step: the sum of two projections, of the transformer's rows and of the high-resolution map at their places. Owns its weights.</summary>
internal sealed class FinalAlign : IDisposable
{
    private readonly WeightLoader _loader;
    private readonly Matrix _fast, _slow;

    private FinalAlign(WeightLoader loader, string prefix, int slowWidth, int width)
    {
        _loader = loader;
        _fast = loader.Linear(prefix + "fast_proj", width, width);
        _slow = loader.Linear(prefix + "slow_proj", width, slowWidth);
    }

    /// <summary>The tensors by published name.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> Named() => _loader.Tensors.Select(entry => (entry.Key, entry.Value));

    /// <summary>Loads the step.</summary>
    /// <param name="source">The checkpoint; must outlive the weights, whose memory it may be.</param>
    /// <param name="prefix">What stands before <c>fast_proj</c>.</param>
    /// <param name="slowWidth">Channels of the high-resolution map.</param>
    /// <param name="width">Channels of the transformer's rows.</param>
    /// <param name="policy">Where and in which type.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static FinalAlign Load(IWeightSource source, string prefix, int slowWidth, int width, WeightPolicy policy)
    {
        WeightLoader loader = new(source, policy);
        try
        {
            return new FinalAlign(loader, prefix, slowWidth, width);
        }
        catch
        {
            loader.Dispose();
            throw;
        }
    }

    /// <summary>Multiply-accumulates of one picture.</summary>
    /// <param name="size">The grids.</param>
    /// <param name="slowWidth">Channels of the high-resolution map.</param>
    /// <param name="width">Channels of the transformer's rows.</param>
    public static long Macs(HighResolution size, long slowWidth, long width) => (size.Tokens * width * width) + (size.Tokens * width * slowWidth);

    /// <summary>Runs the step.</summary>
    /// <param name="y">The transformer's last rows <c>[batch, n, C]</c>; borrowed.</param>
    /// <param name="slow">The high-resolution map's places row by row <c>[batch, h², Cs]</c>; borrowed.</param>
    /// <param name="slowGrid">h.</param>
    /// <param name="grid">√n.</param>
    /// <param name="values">Gets values between the steps; null for nobody.</param>
    /// <returns><c>[batch, n, C]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor y, Tensor slow, int slowGrid, int grid, EncoderValues? values)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor own = _fast.Apply(y), added = _slow.Apply(MapAlignment.Fit(slow, slowGrid, grid)); // [B, h², Cs] -> [B, n, C]
        values?.Tell("fast", () => own);
        values?.Tell("slow", () => added);
        return own.add(added).MoveToOuterDisposeScope();
    }

    /// <summary>Disposes the weights.</summary>
    public void Dispose() => _loader.Dispose();
}
