using Aperture.Measuring;
using Aperture.Models;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>The feed-forward network of a decoder's layers: gated, of three matrices, or plain, of two.</summary>
internal sealed class FeedForwardNetwork(DecoderSpec spec, Ops ops)
{
    private readonly bool _silu = spec.Activation == "silu";

    /// <summary>Runs a layer's network.</summary>
    /// <param name="n">Normed rows <c>[rows, d]</c>; borrowed.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="weights">The layer's weights.</param>
    /// <param name="deltas">Changes of gate and up; null for none.</param>
    /// <returns><c>[rows, d]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor n, int rows, DecoderLayerWeights weights, FeedForwardDeltas? deltas)
    {
        if (weights.Gate is not { } gateWeights)
        {
            return Plain(n, rows, weights, deltas);
        }

        Tensor gate, up;
        using (ops.Time(ForwardStage.GateUp))
        {
            if (weights.FusedGateUp is { } fused && deltas is null)
            {
                using Tensor both = ops.Linear(n, fused, rows);
                gate = both.narrow(-1, 0, gateWeights.Outputs);
                up = both.narrow(-1, gateWeights.Outputs, weights.Up.Outputs);
            }
            else
            {
                gate = DeltaLinear.Run(ops, n, gateWeights, rows, deltas?.Gate);
                up = DeltaLinear.Run(ops, n, weights.Up, rows, deltas?.Up);
            }
        }

        using Tensor hidden = Activated(gate, up, (long)rows * gateWeights.Outputs); // [rows, m]
        up.Dispose();
        return Down(hidden, weights, rows);
    }

    private Tensor Plain(Tensor n, int rows, DecoderLayerWeights weights, FeedForwardDeltas? deltas)
    {
        if (deltas?.Gate is not null)
        {
            throw new InvalidOperationException(
                "A change of gate_proj is asked for, but the feed-forward network has no gate; it has two matrices, up and down.");
        }

        Tensor up, hidden;
        using (ops.Time(ForwardStage.GateUp))
        {
            up = DeltaLinear.Run(ops, n, weights.Up, rows, deltas?.Up);
        }

        using (up)
        using (ops.Time(ForwardStage.Activation))
        {
            hidden = Activations.Run(spec.Activation, up); // [rows, m]
        }

        using (hidden)
        {
            return Down(hidden, weights, rows);
        }
    }

    private Tensor Down(Tensor hidden, DecoderLayerWeights weights, int rows)
    {
        using StageScope timed = ops.Time(ForwardStage.Down);
        return ops.Linear(hidden, weights.Down, rows);
    }

    // Consumes the gate.
    private Tensor Activated(Tensor gate, Tensor up, long count)
    {
        using StageScope timed = ops.Time(ForwardStage.Activation);
        return _silu ? ops.SiluTimes(gate, up, count) : Gated(gate, up);
    }

    // activation(gate) ⊙ up; consumes the gate.
    private Tensor Gated(Tensor gate, Tensor up)
    {
        using (gate)
        {
            using Tensor activated = Activations.Run(spec.Activation, gate);
            return activated.mul(up);
        }
    }
}
