using Aperture.Weights;

namespace Aperture.Decoding;

/// <summary>Notes which of a checkpoint's tensors a model multiplies with as linear layers, and, if asked, what they are multiplied with.</summary>
/// <param name="measuresInputs">Whether the inputs' second moments are measured while the model runs.</param>
public sealed class MatrixWatch(bool measuresInputs)
{
    private readonly List<(string Folder, IWeightSource Stored)> _checkpoints = [];
    private readonly Dictionary<(string Folder, string Name), WatchedWeight> _weights = [];

    /// <summary>The weights, in the order in which they were loaded first.</summary>
    public IReadOnlyCollection<WatchedWeight> Weights => _weights.Values;

    /// <summary>Notes that a checkpoint was opened.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="stored">Its tensors as they are stored.</param>
    internal void Opened(string folder, IWeightSource stored) => _checkpoints.Add((folder, stored));

    /// <summary>Notes a linear layer; one whose weight is cut from a tensor, joined or computed is none of a checkpoint's.</summary>
    /// <param name="source">What it was loaded from.</param>
    /// <param name="weight">Whole name of its weight there.</param>
    /// <param name="matrix">The layer; owned by what is returned.</param>
    /// <returns>What is to be used in its place.</returns>
    internal Matrix Take(IWeightSource source, string weight, Matrix matrix)
    {
        if (WeightOrigin.Find(source, weight, IsCheckpoint) is not { } found)
        {
            return matrix;
        }

        string folder = _checkpoints.Find(checkpoint => ReferenceEquals(checkpoint.Stored, found.Source)).Folder;
        if (!_weights.TryGetValue((folder, found.Name), out WatchedWeight? watched))
        {
            _weights[(folder, found.Name)] = watched = new WatchedWeight(folder, found.Name, weight, matrix.Outputs, matrix.Inputs);
        }

        return measuresInputs ? new WatchedMatrix(matrix, watched) : matrix;
    }

    private bool IsCheckpoint(IWeightSource source) => _checkpoints.Exists(checkpoint => ReferenceEquals(checkpoint.Stored, source));
}
