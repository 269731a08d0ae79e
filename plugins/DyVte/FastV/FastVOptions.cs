namespace Aperture.Plugins.DyVte.FastV;

/// <summary>What a user may set. At most one of <see cref="Keep"/> and <see cref="KeepTokens"/>; none means half.</summary>
// Settable, not init-only: source-generated JSON gives init-only properties that are absent no default value.
internal sealed record FastVOptions : IMethodOptions
{
    /// <summary>The layer after which tokens go.</summary>
    public int Layer { get; set; } = 1;

    /// <summary>Fraction of the visual tokens that stays; the number is rounded down.</summary>
    public double? Keep { get; set; }

    /// <summary>The number of visual tokens that stays.</summary>
    public int? KeepTokens { get; set; }

    /// <summary>How many of so many visual tokens stay.</summary>
    public int Kept(int visualTokens) => Math.Min(visualTokens, KeepTokens ?? (int)(visualTokens * (Keep ?? 0.5)));

    public void Validate()
    {
        if (Layer < 0)
        {
            throw Error($"Layer is {Layer}; give 0 or more, such as 1");
        }

        if (Keep is not null && KeepTokens is not null)
        {
            throw Error("give only one of Keep and KeepTokens");
        }

        if (Keep is { } keep && !(keep is >= 0 and <= 1))
        {
            throw Error($"Keep is {keep}; give a fraction from 0 to 1, such as 0.5");
        }

        if (KeepTokens < 0)
        {
            throw Error($"KeepTokens is {KeepTokens}; give 0 or more");
        }
    }

    internal static ApertureException Error(string message) => new($"{FastVFactory.MethodName}: {message}.");

    internal static IReadOnlyList<MethodOption> Describe() =>
    [
        new(nameof(Layer), "integer", "1", "Layer after which tokens go, from 0; the paper's K = 2 is layer 1.") { Allowed = "0 or more" },
        new(nameof(Keep), "number", "0.5", "Fraction of the visual tokens that stays, 0 to 1, rounded down.") { Allowed = "0 to 1" },
        new(nameof(KeepTokens), "integer", "none", "Number of visual tokens that stays, instead of Keep.") { Allowed = "0 or more" },
    ];
}
