using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit.Training;

/// <summary>What a stage trains: its parameters, the loss of a step, and how they are written. Owns them.</summary>
internal interface IDiffusionObjective : IDisposable
{
    /// <summary>The parameters, by part and published name, such as <c>unet.conv_in.weight</c>. Borrowed.</summary>
    IReadOnlyDictionary<string, Tensor> Parameters { get; }

    /// <summary>The loss of a step; all that is drawn comes from torch's generator and from <paramref name="random"/>.</summary>
    /// <param name="samples">The samples.</param>
    /// <param name="random">Draws.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>A scalar with gradient, in the caller's dispose scope, and what the log shows.</returns>
    (Tensor Loss, IReadOnlyDictionary<string, double> Metrics) Run(
        IReadOnlyList<DiffusionSample> samples, Random random, CancellationToken cancellationToken);

    /// <summary>Writes what was trained into a folder that holds the rest.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="values">Values of the parameters, by their names; borrowed.</param>
    /// <param name="half">Whether in half precision.</param>
    void Write(DiffusionFolder folder, IReadOnlyDictionary<string, Tensor> values, bool half);
}
