namespace Aperture.Quantizing;

/// <summary>What was written.</summary>
/// <param name="Folder">Full path of the folder.</param>
/// <param name="Quantized">The matrices that are in few bits.</param>
/// <param name="Kept">Names of the model's matrices that are as they were, because the layout does not take them or was not to.</param>
/// <param name="BytesBefore">Bytes of all tensors of the checkpoint it was made from.</param>
/// <param name="BytesAfter">Bytes of all tensors written.</param>
public sealed record QuantizeResult(string Folder, IReadOnlyList<QuantizedWeight> Quantized, IReadOnlyList<string> Kept, long BytesBefore, long BytesAfter);

/// <summary>A matrix that was quantised.</summary>
/// <param name="Name">Its name in the checkpoint it was made from.</param>
/// <param name="Outputs">Output width.</param>
/// <param name="Inputs">Input width.</param>
public sealed record QuantizedWeight(string Name, int Outputs, int Inputs)
{
    /// <summary>
    /// Root mean square error relative to the weights, each input's square counted by its second moment on the questions; null without questions.
    /// </summary>
    public double? Error { get; init; }

    /// <summary>The same of rounding to nearest; null without questions.</summary>
    public double? NearestError { get; init; }
}
