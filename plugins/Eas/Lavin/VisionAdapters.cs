using Aperture.Plugins.Eas.Adapters;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Lavin;

/// <summary>LaVIN's adapters before the attention of each vision block. Owns its tensors.</summary>
internal sealed class VisionAdapters : IDisposable
{
    private const string Prefix = "backbone.visual.transformer.resblocks.";
    private readonly RepAdapter[] _blocks;
    private readonly VisionRouterMode _mode;

    private VisionAdapters(RepAdapter[] blocks, VisionRouterMode mode)
    {
        _blocks = blocks;
        _mode = mode;
    }

    /// <summary>The callbacks for the vision tower.</summary>
    /// <param name="dropout">In training, on the adapters' hidden values.</param>
    public VisionTrunkHooks Hooks(SeededDropout? dropout) => new() { BeforeAttention = (context, rows) => Run(context.Block, rows, dropout) };

    /// <summary>Loads the adapters of all blocks.</summary>
    /// <param name="source">The adapter file.</param>
    /// <param name="shape">Scale, temperature, groups.</param>
    /// <param name="mode">What routers read.</param>
    /// <returns>The adapters; null where the file has none.</returns>
    /// <exception cref="ApertureException">A block's adapter is missing or has another shape.</exception>
    public static VisionAdapters? Load(IWeightSource source, AdapterShape shape, VisionRouterMode mode)
    {
        int count = source.Names.Count(
            name => name.StartsWith(Prefix, StringComparison.Ordinal) && name.EndsWith(".adapter_attn.conv_A.weight", StringComparison.Ordinal));
        if (count == 0)
        {
            return null;
        }

        List<RepAdapter> blocks = [];
        try
        {
            for (int block = 0; block < count; block++)
            {
                string prefix = $"{Prefix}{block}.adapter_attn.";
                int width = (int)source.Describe(prefix + "conv_A.weight").Shape[1];

                // The adapter without a router is LaVIN's plain one, which leaves its input out.
                blocks.Add(
                    RepAdapter.Load(
                        source, prefix, width, shape.Scale, shape.Temperature, shape.Groups, identity: source.Contains(prefix + "expert_weights.weight")));
            }
        }
        catch
        {
            blocks.ForEach(block => block.Dispose());
            throw;
        }

        return new VisionAdapters([.. blocks], mode);
    }

    /// <summary>The tensors by published name.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> Named() => _blocks.SelectMany((block, i) => block.Named($"{Prefix}{i}.adapter_attn."));

    public void Dispose() => Array.ForEach(_blocks, block => block.Dispose());

    // [pictures, tokens, C], borrowed.
    private Tensor Run(int block, Tensor rows, SeededDropout? dropout)
    {
        using DisposeScope scope = NewDisposeScope();
        RepAdapter adapter = block < _blocks.Length
            ? _blocks[block]
            : throw EasAdapters.Error(
                $"the adapters are for a vision tower of {_blocks.Length} blocks, but this one has more; give the file that was trained for it");
        Tensor weight = adapter.Down.Weight;
        if (!weight.requires_grad && (weight.dtype != rows.dtype || weight.device.type != rows.device.type))
        {
            adapter.MoveTo(rows.device, rows.dtype);
        }

        if (_mode == VisionRouterMode.Eas)
        {
            return adapter.Run(rows, adapter.Route(TokenQuery.MeanSkipFirst.Read(rows)), dropout).MoveToOuterDisposeScope();
        }

        Tensor tokens = rows.transpose(0, 1); // [tokens, pictures, C]
        return adapter.Run(tokens, adapter.Route(TokenQuery.Token0.Read(tokens)), dropout).transpose(0, 1).contiguous().MoveToOuterDisposeScope();
    }
}
