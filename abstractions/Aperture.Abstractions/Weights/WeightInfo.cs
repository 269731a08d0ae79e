using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>Element type and shape of a stored tensor.</summary>
/// <param name="StoredType">The type's name in the file, such as <c>BF16</c> or <c>F8_E4M3</c>.</param>
/// <param name="ScalarType">The element type that <see cref="IWeightSource.Load"/> gives.</param>
/// <param name="Shape">The sizes, outermost first; empty for a scalar.</param>
public sealed record WeightInfo(string StoredType, ScalarType ScalarType, long[] Shape);
