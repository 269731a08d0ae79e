using System.Text.Json;

namespace Aperture.Plugins;

/// <summary>
/// A method that is fitted to a model on a few samples before it is used, without training: a pruning recipe or a list of layers, for example.
/// An <see cref="IMethodFactory"/> implements it beside its own contract; the host's <c>fit</c> command drives it.
/// </summary>
public interface ICalibratedMethod
{
    /// <summary>The options of <see cref="Calibrate"/>, for help and for messages.</summary>
    IReadOnlyList<MethodOption> CalibrationOptions { get; }

    /// <summary>
    /// Fits the method and writes what it found. Interrupted work is kept: the next call with the same output folder goes on where the last one stopped.
    /// </summary>
    /// <param name="model">The model and its samples.</param>
    /// <param name="options">A JSON object with options; property names are matched without regard to case.</param>
    /// <param name="progress">Told after every forward; null if nobody listens.</param>
    /// <param name="cancellationToken">Checked before every forward.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="ApertureException">An option is unknown or out of range, the samples do not serve, or the goal cannot be met.</exception>
    CalibrationResult Calibrate(ICalibrationModel model, JsonElement options, IProgress<CalibrationProgress>? progress, CancellationToken cancellationToken);
}
