using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins.Eas.Adapters;
using Aperture.Text;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>
/// A cross-modal layer of one stream, post-norm: self-attention, attention to the other stream, feed-forward, each with EAS's adapter in front where the
/// checkpoint has them. A skipped attention is replaced by its PIA inside the same residual and norm. Matrices and adapters are borrowed from the model.
/// </summary>
internal sealed class MeterCrossLayer
{
    private readonly BertAttentionWeights _self, _cross;
    private readonly BertFeedForwardWeights _feedForward;
    private readonly RepAdapter? _selfAdapter, _crossAdapter, _feedForwardAdapter;
    private readonly PropagationAdapter? _selfReplacement, _crossReplacement;
    private readonly int _heads;
    private readonly double _epsilon;
    private readonly string _name;

    /// <summary>Loads a layer.</summary>
    /// <param name="loader">Loads and owns the matrices.</param>
    /// <param name="source">The checkpoint.</param>
    /// <param name="name">The layer's name with its last dot.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="policy">Where and in which type.</param>
    /// <param name="owned">Takes the adapters, to be disposed with the model.</param>
    public MeterCrossLayer(WeightLoader loader, IWeightSource source, string name, MeterConfig config, WeightPolicy policy, ICollection<IDisposable> owned)
    {
        int d = config.Width;
        (_name, _heads, _epsilon) = (name, config.Heads, config.NormEpsilon);
        _self = BertAttentionWeights.Load(loader, name + "attention.", d, d);
        _cross = BertAttentionWeights.Load(loader, name + "crossattention.", d, d);
        _feedForward = BertFeedForwardWeights.Load(loader, name, d, config.Inner);
        if (!config.Adapted)
        {
            return;
        }

        RepAdapter Ordinary(string part)
        {
            RepAdapter adapter = RepAdapter.Load(source, $"{name}{part}.adapter.", d);
            owned.Add(adapter);
            adapter.MoveTo(policy.Device, policy.Compute);
            return adapter;
        }

        PropagationAdapter Replacement(string part)
        {
            PropagationAdapter adapter = PropagationAdapter.Load(source, $"{name}{part}.", d);
            owned.Add(adapter);
            adapter.MoveTo(policy.Device, policy.Compute);
            return adapter;
        }

        (_selfAdapter, _crossAdapter, _feedForwardAdapter) = (Ordinary("attention"), Ordinary("crossattention"), Ordinary("intermediate"));
        (_selfReplacement, _crossReplacement) = (Replacement("adapter_self_attn"), Replacement("adapter_cross_attn"));
    }

    /// <summary>The adapters' tensors by published name.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> AdapterTensors =>
    [
        .. _selfAdapter?.Named(_name + "attention.adapter.") ?? [],
        .. _crossAdapter?.Named(_name + "crossattention.adapter.") ?? [],
        .. _feedForwardAdapter?.Named(_name + "intermediate.adapter.") ?? [],
        .. _selfReplacement?.Named(_name + "adapter_self_attn.") ?? [],
        .. _crossReplacement?.Named(_name + "adapter_cross_attn.") ?? [],
    ];

    /// <summary>Hidden width of the adapters; 0 without.</summary>
    public int AdapterWidth => _selfAdapter?.Down.Outputs ?? 0;

    /// <summary>Hidden width of the replacements; 0 without.</summary>
    public int ReplacementWidth => _selfReplacement?.RowDown.Outputs ?? 0;

    /// <summary>Runs the layer.</summary>
    /// <param name="h">The stream's rows <c>[B, N, d]</c>; borrowed.</param>
    /// <param name="other">The other stream's rows <c>[B, M, d]</c>, as they were before this layer; borrowed.</param>
    /// <param name="mask">Bias on the logits of the stream's own keys <c>[B, 1, 1, N]</c>; null for none.</param>
    /// <param name="otherMask">Bias on the logits of the other stream's keys; null for none.</param>
    /// <param name="skip">Whether self-attention and cross-attention are skipped.</param>
    /// <param name="training">Dropout while training; null outside it.</param>
    /// <returns><c>[B, N, d]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor h, Tensor other, Tensor? mask, Tensor? otherMask, (bool Self, bool Cross) skip, MeterDropout? training = null)
    {
        using DisposeScope scope = NewDisposeScope();
        double rate = training?.Rate ?? 0;
        Tensor branch;
        if (skip.Self)
        {
            branch = PropagateSelf(h, training);
        }
        else
        {
            Tensor adapted = AdaptSelf(h, training);
            branch = _self.Attend(adapted, adapted, mask, _heads, rate);
        }

        Tensor a = _self.Norm.Run(h.add(branch), _epsilon);

        // The published replacement reads the layer's input, not what self-attention made of it.
        branch = skip.Cross ? PropagateCross(h, other, training) : _cross.Attend(Adapt(_crossAdapter, a, training), other, otherMask, _heads, rate);
        Tensor c = _cross.Norm.Run(a.add(branch), _epsilon);
        branch = _feedForward.Run(Adapt(_feedForwardAdapter, c, training), dropout: rate);
        return _feedForward.Norm.Run(c.add(branch), _epsilon).MoveToOuterDisposeScope();
    }

    /// <summary>What self-attention reads.</summary>
    public Tensor AdaptSelf(Tensor h, MeterDropout? training = null) => Adapt(_selfAdapter, h, training);

    /// <summary>What stands in for self-attention.</summary>
    public Tensor PropagateSelf(Tensor h, MeterDropout? training = null) => Propagate(_selfReplacement!, h, h, training);

    /// <summary>What stands in for cross-attention.</summary>
    public Tensor PropagateCross(Tensor h, Tensor other, MeterDropout? training = null) => Propagate(_crossReplacement!, h, other, training);

    private static Tensor Adapt(RepAdapter? adapter, Tensor x, MeterDropout? training)
        => adapter is null ? x.alias() : adapter.Run(x, weights: null, training?.Adapters);

    // The pool is over all rows of the source, padding included.
    private static Tensor Propagate(PropagationAdapter adapter, Tensor x, Tensor pooled, MeterDropout? training)
    {
        using DisposeScope scope = NewDisposeScope();
        return adapter.Run(x, adapter.Pool(pooled.mean([1])), weights: null, training?.Adapters).MoveToOuterDisposeScope();
    }
}
