namespace Aperture.Plugins.Baselines;

/// <summary>What a user may set for <c>pooling</c>. One of the three at most.</summary>
// Settable, not init-only: source-generated JSON gives init-only properties that are absent no default value.
internal sealed record PoolingOptions : IMethodOptions
{
    /// <summary>Fraction of each image's tokens to remove.</summary>
    public double? Reduction { get; set; }

    /// <summary>Fraction of each image's tokens to keep.</summary>
    public double? Keep { get; set; }

    /// <summary>Tokens to keep an image, at most.</summary>
    public int? Tokens { get; set; }

    public void Validate() => TokenBudget.Validate(PoolingFactory.MethodName, Reduction, Keep, Tokens);
}
