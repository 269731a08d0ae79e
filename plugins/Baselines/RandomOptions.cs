namespace Aperture.Plugins.Baselines;

/// <summary>What a user may set for <c>random</c>. One of <see cref="Reduction"/>, <see cref="Keep"/> and <see cref="Tokens"/> at most.</summary>
// Settable, not init-only: source-generated JSON gives init-only properties that are absent no default value.
internal sealed record RandomOptions : IMethodOptions
{
    /// <summary>Fraction of each image's tokens to remove.</summary>
    public double? Reduction { get; set; }

    /// <summary>Fraction of each image's tokens to keep.</summary>
    public double? Keep { get; set; }

    /// <summary>Tokens to keep an image.</summary>
    public int? Tokens { get; set; }

    /// <summary>Chooses the subset.</summary>
    public int Seed { get; set; }

    public void Validate() => TokenBudget.Validate(RandomFactory.MethodName, Reduction, Keep, Tokens);
}
