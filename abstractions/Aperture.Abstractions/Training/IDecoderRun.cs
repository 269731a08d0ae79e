using Aperture.Decoding;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>
/// A forward that its caller moves from layer to layer, may look into, cut rows from and split in two. Rows of all samples are packed one after the other. Owns
/// its tensors; those it hands out are borrowed and hold until the next call unless it says otherwise.
/// </summary>
public interface IDecoderRun : IDisposable
{
    /// <summary>The next layer to run: 0 at the start, the number of layers at the end.</summary>
    int Layer { get; }

    /// <summary>Number of samples.</summary>
    int Samples { get; }

    /// <summary>First packed row of each sample, and the total.</summary>
    ReadOnlySpan<int> Offsets { get; }

    /// <summary>The current rows of a sample.</summary>
    /// <param name="sample">Index of the sample in the batch.</param>
    SequenceLayout Layout(int sample);

    /// <summary>The rows before <see cref="Layer"/>: <c>[rows, d]</c> in the type computed in.</summary>
    Tensor Hidden { get; }

    /// <summary>Labels of the current rows, int64 <c>[rows]</c>: each row's own token where the loss counts it, else -100.</summary>
    Tensor Labels { get; }

    /// <summary>Losses that methods added so far, by name; scalars with gradient, owned by the forward.</summary>
    IReadOnlyList<(string Name, Tensor Loss)> Losses { get; }

    /// <summary>Runs layers up to one.</summary>
    /// <param name="layer">One past the last layer to run.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    void RunTo(int layer, CancellationToken cancellationToken);

    /// <summary>Drops rows for good, as a reducer would.</summary>
    /// <param name="selection">The rows that go on, one entry a sample.</param>
    void Keep(RowSelection selection);

    /// <summary>A second forward from here on. What one drops, the other keeps.</summary>
    /// <returns>The fork; the caller disposes it before this one.</returns>
    IDecoderRun Fork();

    /// <summary>Final norm and output matrix, after the last layer.</summary>
    /// <param name="rows">Packed rows, int64 <c>[n]</c>; null for all.</param>
    /// <returns>float32 logits <c>[n, V]</c>; the caller disposes them.</returns>
    Tensor Logits(Tensor? rows = null);

    /// <summary>
    /// The rows that predict a counted token: packed indices, int64 <c>[n]</c>, sample after sample, and the token each predicts. The caller disposes both.
    /// </summary>
    (Tensor Rows, Tensor Targets) Predictions();

    /// <summary>Mean cross-entropy of the counted tokens, over the whole batch.</summary>
    /// <returns>A float32 scalar; the caller disposes it.</returns>
    /// <exception cref="ApertureException">No token counts.</exception>
    Tensor NextTokenLoss();
}
