using Aperture.Diffusion;
using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit.Stages;

/// <summary>The attention maps that the mask is read from: those of places to words, on maps of one size, on the way down and up. Owns what it keeps.</summary>
/// <param name="rows">Rows of the maps.</param>
/// <param name="columns">Columns of the maps.</param>
/// <param name="running">Whether they are the mean of all passes, or the last one's.</param>
/// <param name="firstSample">The first sample of a pass that sees the text.</param>
internal sealed class StepAttention(int rows, int columns, bool running, int firstSample) : IDisposable
{
    private readonly AttentionAverage _average = new(rows, columns, running);

    /// <summary>How many attentions gave maps.</summary>
    public int Attentions => _average.Attentions;

    /// <summary>Listens to a pass over a part of the maps.</summary>
    public AttentionCapture Listen(LatentRegion part)
    {
        _average.BeginPass(part.Top, part.Left, part.Height, part.Width);
        return new AttentionCapture(
            site => site.IsCross && site.Place != UNetPlace.Mid && site.Height == part.Height && site.Width == part.Width,
            (site, probabilities) => _average.Add(site.Index, probabilities, part.Top, part.Left, part.Height, part.Width),
            firstSample);
    }

    /// <summary>The mean of attentions, samples and heads: <c>[rows, columns, tokens]</c>; the caller disposes it.</summary>
    public Tensor Mean() => _average.Mean();

    public void Dispose() => _average.Dispose();
}
