using Aperture.Decoding;
using Aperture.Requests;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>
/// A training forward over a decoder. Forks share the request, which the first one owns. What lives from one call to the next belongs to no dispose
/// scope that a caller has open around a call.
/// </summary>
public sealed class DecoderRun : IDecoderRun
{
    private readonly Decoder _decoder;
    private readonly ForwardState _state;
    private readonly bool _ownsRequest;
    private Tensor _hidden;

    private DecoderRun(Decoder decoder, ForwardState state, Tensor hidden, int layer, bool ownsRequest)
    {
        _decoder = decoder;
        _state = state;
        _hidden = hidden.DetachFromDisposeScope();
        _ownsRequest = ownsRequest;
        Layer = layer;
    }

    /// <summary>Starts a forward in the phase <see cref="DecoderPhase.Train"/>.</summary>
    /// <param name="decoder">A decoder with gradients; borrowed.</param>
    /// <param name="rows">Packed rows <c>[rows, d]</c>; consumed.</param>
    /// <param name="layouts">What the rows stand for, one layout a sample.</param>
    /// <param name="labels">int64 <c>[rows]</c>, -100 where no loss is taken; borrowed.</param>
    /// <param name="table">Hooks; null for none.</param>
    public static DecoderRun Begin(Decoder decoder, Tensor rows, IReadOnlyList<SequenceLayout> layouts, Tensor labels, HookTable? table)
    {
        RequestContext request = new(decoder.Info, layouts, table, null, null);
        ForwardState state = decoder.Begin(request, DecoderPhase.Train, layouts);
        state.Labels = labels;
        return new DecoderRun(decoder, state, rows, 0, ownsRequest: true);
    }

    /// <summary>Starts a forward of a request that stands before the decoder without a cache.</summary>
    /// <param name="decoder">The decoder; borrowed.</param>
    /// <param name="entered">The request with its rows; owned from here on.</param>
    /// <param name="phase">The phase.</param>
    /// <param name="labels">int64 <c>[rows]</c>, -100 where no loss is taken; borrowed. Null where there are none.</param>
    internal static DecoderRun Begin(Decoder decoder, EnteredRequest entered, DecoderPhase phase = DecoderPhase.Prefill, Tensor? labels = null)
    {
        ForwardState state = decoder.Begin(entered.Request, phase, entered.Layouts);
        state.Labels = labels;
        return new DecoderRun(decoder, state, entered.TakeRows(), 0, ownsRequest: true);
    }

    /// <inheritdoc />
    public int Layer { get; private set; }

    /// <inheritdoc />
    public int Samples => _state.Samples;

    /// <inheritdoc />
    public ReadOnlySpan<int> Offsets => _state.Offsets;

    /// <inheritdoc />
    public Tensor Hidden => _hidden;

    /// <inheritdoc />
    public Tensor Labels => _state.Labels ?? throw new InvalidOperationException("The forward has no labels.");

    /// <inheritdoc />
    public IReadOnlyList<(string Name, Tensor Loss)> Losses => _state.Request.Losses;

    /// <inheritdoc />
    public SequenceLayout Layout(int sample) => _state.Layout(sample);

    /// <inheritdoc />
    public void RunTo(int layer, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(layer, _decoder.Spec.Layers);
        ArgumentOutOfRangeException.ThrowIfLessThan(layer, Layer);
        _hidden = _decoder.RunLayers(_state, _hidden, Layer, layer, cancellationToken).DetachFromDisposeScope();
        Layer = layer;
    }

    /// <inheritdoc />
    public void Keep(RowSelection selection)
    {
        if (selection.KeepsAll)
        {
            return;
        }

        using Tensor index = tensor(_state.Keep(selection), dtype: ScalarType.Int64, device: _hidden.device);
        Tensor kept = _hidden.index_select(0, index); // [rows, d] -> [kept, d]
        _hidden.Dispose();
        _hidden = kept.DetachFromDisposeScope();
    }

    /// <inheritdoc />
    public IDecoderRun Fork() => new DecoderRun(_decoder, _state.Fork(), _hidden.alias(), Layer, ownsRequest: false);

    /// <inheritdoc />
    public Tensor Logits(Tensor? rows = null)
    {
        if (rows is null)
        {
            return _decoder.Logits(_hidden, _state.Rows);
        }

        using Tensor chosen = _hidden.index_select(0, rows);
        return _decoder.Logits(chosen, (int)rows.size(0));
    }

    /// <inheritdoc />
    public (Tensor Rows, Tensor Targets) Predictions()
    {
        using Tensor given = Labels.cpu();
        long[] labels = given.data<long>().ToArray();
        List<long> rows = [], targets = [];
        for (int sample = 0; sample < Samples; sample++)
        {
            for (int row = Offsets[sample]; row + 1 < Offsets[sample + 1]; row++)
            {
                if (labels[row + 1] >= 0)
                {
                    rows.Add(row);
                    targets.Add(labels[row + 1]);
                }
            }
        }

        return (
            tensor(rows.ToArray(), dtype: ScalarType.Int64, device: _hidden.device),
            tensor(targets.ToArray(), dtype: ScalarType.Int64, device: _hidden.device));
    }

    /// <inheritdoc />
    public Tensor NextTokenLoss()
    {
        (Tensor rows, Tensor targets) = Predictions();
        using (rows)
        using (targets)
        {
            if (rows.size(0) == 0)
            {
                throw new ApertureException(
                    "No token of the batch counts in the loss; check that the samples have answers and that prompts are not cut before them.");
            }

            using Tensor logits = Logits(rows);
            return nn.functional.cross_entropy(logits, targets);
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _hidden.Dispose();
        _state.Dispose();
        if (_ownsRequest)
        {
            _state.Request.Dispose();
        }
    }
}
