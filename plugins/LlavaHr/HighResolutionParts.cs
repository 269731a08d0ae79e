using Aperture.Decoding;
using Aperture.Vision;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.LlavaHr;

/// <summary>Everything with weights in an encoder of two towers. Owns its parts.</summary>
/// <param name="keys">Where the checkpoint keeps them.</param>
/// <param name="slow">The high-resolution tower.</param>
/// <param name="fast">The transformer.</param>
/// <param name="adapters">The adapters; none in a checkpoint of the first stage.</param>
/// <param name="align">The last step.</param>
/// <param name="slowOps">Operations of the high-resolution tower, which may compute in a type of its own; borrowed.</param>
internal sealed class HighResolutionParts(
    LlavaHrKeys keys, ConvNext slow, VisionTransformer fast, IReadOnlyList<MrAdapter> adapters, FinalAlign align, Ops slowOps) : IDisposable
{
    /// <summary>Adapters of a model that has them.</summary>
    public const int AdapterCount = 3;

    /// <summary>The high-resolution tower.</summary>
    public ConvNext Slow => slow;

    /// <summary>The transformer, without class token.</summary>
    public VisionTransformer Fast => fast;

    /// <summary>The adapters; none in a checkpoint of the first stage.</summary>
    public IReadOnlyList<MrAdapter> Adapters => adapters;

    /// <summary>The last step.</summary>
    public FinalAlign Align => align;

    /// <summary>Loads all parts.</summary>
    /// <param name="source">The checkpoint; must outlive them, whose memory it may be.</param>
    /// <param name="keys">Where it keeps them.</param>
    /// <param name="slowConfig">Sizes of the high-resolution tower.</param>
    /// <param name="fastConfig">Sizes of the transformer.</param>
    /// <param name="adapters">Whether there are adapters.</param>
    /// <param name="ops">Operations of the model; borrowed.</param>
    /// <param name="slowOps">Operations of the high-resolution tower; borrowed.</param>
    /// <param name="cancellation">Checked between tensors.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static HighResolutionParts Load(
        IWeightSource source, LlavaHrKeys keys, ConvNextConfig slowConfig, VisionTransformerConfig fastConfig, bool adapters, Ops ops, Ops slowOps,
        CancellationToken cancellation)
    {
        WeightPolicy policy = WeightPolicy.Of(ops) with { Cancellation = cancellation };
        WeightPolicy slowPolicy = policy with { Compute = slowOps.Type, Storage = slowOps.Type };
        int slowWidth = slowConfig.Widths[^1], width = fastConfig.HiddenSize;
        List<IDisposable> open = [];
        try
        {
            ConvNext slow = Keep(new ConvNext(slowConfig, ConvNextWeights.Load(source, keys.Slow, slowConfig, slowPolicy), slowOps));
            VisionTransformerWeights blocks = ClipVision.Load(source, keys.Fast, fastConfig, policy, fastConfig.Layers, postNorm: false);
            VisionTransformer fast = Keep(new VisionTransformer(fastConfig, blocks, ops));
            List<MrAdapter> all = [];
            for (int adapter = 0; adapters && adapter < AdapterCount; adapter++)
            {
                all.Add(Keep(MrAdapter.Load(source, keys.Adapter(adapter), slowWidth, width, policy)));
            }

            return new HighResolutionParts(keys, slow, fast, all, Keep(FinalAlign.Load(source, keys.Align, slowWidth, width, policy)), slowOps);
        }
        catch
        {
            open.ForEach(part => part.Dispose());
            throw;
        }

        T Keep<T>(T part)
            where T : IDisposable
        {
            open.Add(part);
            return part;
        }
    }

    /// <summary>The tensors by the checkpoint's names.</summary>
    /// <param name="towers">Whether the towers' are among them.</param>
    public IEnumerable<(string Name, Tensor Tensor)> Named(bool towers)
    {
        IEnumerable<(string Name, Tensor Tensor)> between = adapters.SelectMany(adapter => adapter.Named()).Concat(align.Named());
        return towers
            ? slow.Weights.Named.Select(entry => (keys.Slow + entry.Name, entry.Tensor))
                .Concat(fast.Weights.Named.Select(entry => (keys.Fast + entry.Name, entry.Tensor)))
                .Concat(between)
            : between;
    }

    /// <summary>The same parts, some of them over other parameters.</summary>
    /// <param name="parameters">The parameters by the checkpoint's names.</param>
    /// <param name="ops">Operations of the model; borrowed.</param>
    public HighResolutionParts Over(IWeightSource parameters, Ops ops)
    {
        using IWeightSource own = BorrowedWeights.Of(Named(towers: true));
        using CombinedWeights all = new([own, parameters], ownsSources: false);
        return Load(all, keys, slow.Config, fast.Config, adapters.Count > 0, ops, slowOps, CancellationToken.None);
    }

    /// <summary>Disposes the weights.</summary>
    public void Dispose()
    {
        slow.Dispose();
        fast.Dispose();
        foreach (MrAdapter adapter in adapters)
        {
            adapter.Dispose();
        }

        align.Dispose();
    }
}
