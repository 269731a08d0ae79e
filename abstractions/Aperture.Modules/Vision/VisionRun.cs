using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Vision;

/// <summary>What a run of a vision transformer gave. Owns its tensors.</summary>
/// <param name="States">Hidden states by number: 0 is the input of the first block, i the output of block i - 1.</param>
/// <param name="Blocks">Blocks that ran.</param>
/// <param name="Macs">Multiply-accumulates of one entry of the batch, by the rows that each block ran.</param>
public sealed record VisionRun(IReadOnlyDictionary<int, VisionState> States, int Blocks, long Macs) : IDisposable
{
    /// <summary>The rows of a hidden state, <c>[batch, rows, C]</c>, borrowed.</summary>
    /// <param name="state">Its number.</param>
    public Tensor this[int state] => States[state].Rows;

    /// <summary>Hands the hidden states to the scope around the present one.</summary>
    internal VisionRun MoveToOuterDisposeScope()
    {
        foreach (VisionState state in States.Values)
        {
            state.Rows.MoveToOuterDisposeScope();
        }

        return this;
    }

    /// <summary>Disposes the hidden states.</summary>
    public void Dispose()
    {
        foreach (VisionState state in States.Values)
        {
            state.Rows.Dispose();
        }
    }
}

/// <summary>A hidden state without prefix rows.</summary>
/// <param name="Rows">Rows <c>[batch, rows, C]</c>, the class token first where it is still there.</param>
/// <param name="ClassToken">Whether the class token is known to stand first.</param>
/// <param name="Places">The grid place of each row behind it, -1 where it is not known; null for the whole grid in order.</param>
public sealed record VisionState(Tensor Rows, bool ClassToken, int[]? Places);
