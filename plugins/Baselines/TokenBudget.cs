using Aperture.Measuring;

namespace Aperture.Plugins.Baselines;

/// <summary>
/// How many visual tokens of an image go on. Removing a fraction of the tokens before the decoder removes that fraction of the visual tokens' work in
/// everything that is linear in them, which is nearly all of it: so a <c>Reduction</c> here compares with FitPrune's <c>Reduction</c>.
/// </summary>
internal static class TokenBudget
{
    public const double DefaultReduction = 0.6;

    /// <summary>The option that takes a constant number of tokens.</summary>
    public const string ConstantOption = "Tokens";

    /// <summary>Checks that at most one way is used and that its value is in range.</summary>
    /// <exception cref="ApertureException">It is not.</exception>
    public static void Validate(string method, double? reduction, double? keep, int? tokens)
    {
        if ((reduction is null ? 0 : 1) + (keep is null ? 0 : 1) + (tokens is null ? 0 : 1) > 1)
        {
            throw new ApertureException($"{method}: give only one of Reduction, Keep and Tokens.");
        }

        if (reduction is { } r && !(r is >= 0 and < 1))
        {
            throw new ApertureException($"{method}: Reduction is {r}; give a fraction from 0 to below 1, such as 0.6.");
        }

        if (keep is { } k && !(k is > 0 and <= 1))
        {
            throw new ApertureException($"{method}: Keep is {k}; give a fraction above 0 and up to 1, such as 0.4.");
        }

        if (tokens < 1)
        {
            throw new ApertureException($"{method}: Tokens is {tokens}; give 1 or more.");
        }
    }

    /// <summary>Tokens to keep of <paramref name="count"/>: rounded to the nearest, at least one.</summary>
    public static int Of(int count, double? reduction, double? keep, int? tokens)
    {
        double fraction = keep ?? (1 - (reduction ?? DefaultReduction));
        int wanted = tokens ?? (int)Math.Round(count * fraction, MidpointRounding.AwayFromZero);
        return Math.Clamp(wanted, Math.Min(1, count), count);
    }

    /// <summary>The three options, for help.</summary>
    public static IEnumerable<MethodOption> Describe() =>
    [
        new("Reduction", "number", "0.6", "Fraction of each image's tokens removed before the decoder, which is the fraction of the visual FLOPs that grow "
            + "linearly with them; 0 to below 1.") { Allowed = "0 to below 1" },
        new("Keep", "number", "0.4", "Fraction kept instead; above 0, up to 1.") { Allowed = "above 0, up to 1" },
        new(ConstantOption, "integer", "none", "Number of tokens kept an image instead; at least 1.") { Allowed = "1 or more" },
    ];
}
