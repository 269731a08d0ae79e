using TorchSharp;

namespace Aperture.Measuring;

/// <summary>
/// Milliseconds of the products that a model is made of, over weights that are stored in bf16: how this machine multiplies, which no processor flag tells.
/// </summary>
public sealed record ProductTimes
{
    // Float32 doubles the memory of activations and caches, so a draw goes to bf16.
    private const double WorthWidening = 0.9;

    /// <summary>Many rows in bf16.</summary>
    public required double Bf16Rows { get; init; }

    /// <summary>Many rows in float32, the matrix widened for the call.</summary>
    public required double Float32Rows { get; init; }

    /// <summary>Many rows in eight bits.</summary>
    public required double Int8Rows { get; init; }

    /// <summary>One row in bf16.</summary>
    public required double Bf16Row { get; init; }

    /// <summary>One row in float32, from the stored matrix.</summary>
    public required double Float32Row { get; init; }

    /// <summary>One row in eight bits.</summary>
    public required double Int8Row { get; init; }

    /// <summary>
    /// What a checkpoint of half precision is computed in where nobody says otherwise. Many rows decide: a single row streams the same bf16 weights either
    /// way.
    /// </summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public torch.ScalarType HalfType => Float32Rows < WorthWidening * Bf16Rows ? torch.ScalarType.Float32 : torch.ScalarType.BFloat16;
}
