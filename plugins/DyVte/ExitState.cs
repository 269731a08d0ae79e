using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Sequences;

namespace Aperture.Plugins.DyVte;

/// <summary>Per sequence what the gates have said in this prompt, and whether its visual tokens are gone.</summary>
internal sealed class ExitState(int samples) : ISequenceState
{
    /// <summary>Value of <see cref="ExitLayer"/> for a sequence that has not exited.</summary>
    public const int None = -1;

    private int _step;
    private (SequenceLayout? Layout, PromptRows Rows)[] _rows = new (SequenceLayout?, PromptRows)[samples];

    /// <summary>The layer after which a sequence's visual tokens went.</summary>
    public int[] ExitLayer { get; private set; } = [.. Enumerable.Repeat(None, samples)];

    /// <summary>Gates that have fired in a row.</summary>
    public int[] Streak { get; private set; } = new int[samples];

    /// <summary>Whether a sequence's gates have asked for the exit, acted on or not.</summary>
    public bool[] Voted { get; private set; } = new bool[samples];

    /// <summary>Begins anew when another forward brings rows: a later turn's images have gates of their own.</summary>
    /// <param name="step"><see cref="IRequestContext.Step"/> of the forward.</param>
    public void Arm(int step)
    {
        if (step == _step)
        {
            return;
        }

        _step = step;
        Array.Fill(ExitLayer, None);
        Array.Clear(Streak);
        Array.Clear(Voted);
    }

    /// <summary>The rows of a sample, sorted once a layout.</summary>
    public PromptRows Rows(int sample, SequenceLayout layout)
    {
        if (!ReferenceEquals(_rows[sample].Layout, layout))
        {
            _rows[sample] = (layout, PromptRows.Of(layout));
        }

        return _rows[sample].Rows;
    }

    public void Select(ReadOnlySpan<int> indices)
    {
        int[] chosen = indices.ToArray();
        ExitLayer = Array.ConvertAll(chosen, i => ExitLayer[i]);
        Streak = Array.ConvertAll(chosen, i => Streak[i]);
        Voted = Array.ConvertAll(chosen, i => Voted[i]);
        _rows = Array.ConvertAll(chosen, i => _rows[i]);
    }

    public void Dispose()
    {
    }
}
