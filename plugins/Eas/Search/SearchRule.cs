using System.Text.Json.Serialization;

namespace Aperture.Plugins.Eas.Search;

/// <summary>
/// The constants of a search. Each base has its own in the published code; see <see cref="Llava"/>, <see cref="Lavin"/> and <see cref="Meter"/>.
/// </summary>
internal sealed record SearchRule
{
    /// <summary>K, the attention sub-layers to leave out.</summary>
    public required int Skipped { get; init; }

    /// <summary>J, the sets that are compared.</summary>
    public required int Sets { get; init; }

    /// <summary>T, steps between two comparisons.</summary>
    public required int Every { get; init; }

    /// <summary>η.</summary>
    public required double Rate { get; init; }

    /// <summary>Steps before the first comparison.</summary>
    public int WarmUp { get; init; }

    /// <summary>Whether the number of arms that training leaves out rises during the warm-up.</summary>
    public bool Ramp { get; init; }

    public ArmProbability Probability { get; init; } = ArmProbability.Sigmoid;

    public static SearchRule Llava(int skipped, int warmUp) => new() { Skipped = skipped, Sets = 5, Every = 3, Rate = 1, WarmUp = warmUp, Ramp = true };

    public static SearchRule Lavin(int skipped, int warmUp)
        => new() { Skipped = skipped, Sets = 3, Every = 10, Rate = 2, WarmUp = warmUp, Probability = ArmProbability.Softmax10 };

    public static SearchRule Meter(int skipped, int warmUp) => new() { Skipped = skipped, Sets = 3, Every = 10, Rate = 1, WarmUp = warmUp };
}

/// <summary>How scores become probabilities.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ArmProbability>))]
internal enum ArmProbability
{
    /// <summary>Each arm for itself.</summary>
    Sigmoid,

    /// <summary><c>softmax(10 S)</c> over the arms: LaVIN-EAS.</summary>
    Softmax10,
}
