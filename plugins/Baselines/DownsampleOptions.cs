namespace Aperture.Plugins.Baselines;

/// <summary>What a user may set for <c>downsample</c>. One of the three at most.</summary>
// Settable, not init-only: source-generated JSON gives init-only properties that are absent no default value.
internal sealed record DownsampleOptions : IMethodOptions
{
    /// <summary>Fraction of each image's tokens to do without.</summary>
    public double? Reduction { get; set; }

    /// <summary>Fraction of each image's tokens to look at.</summary>
    public double? Keep { get; set; }

    /// <summary>Tokens an image, at most.</summary>
    public int? Tokens { get; set; }

    public void Validate() => TokenBudget.Validate(DownsampleFactory.MethodName, Reduction, Keep, Tokens);
}
