using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;

namespace Aperture.Plugins;

/// <summary>What the attributes on an option's property allow.</summary>
/// <param name="Range">Its bounds; null for none.</param>
/// <param name="Values">Its values; null for any.</param>
internal sealed record OptionRange(RangeAttribute? Range, IReadOnlyList<object?>? Values)
{
    private static readonly OptionRange _everything = new(null, null);

    /// <summary>The range as help and refusals write it; empty for everything.</summary>
    public string Text => Values is not null ? string.Join(", ", Values.Select(OptionText.Of)) : Range is not null ? Bounds(Range) : "";

    /// <summary>What a property allows.</summary>
    /// <param name="property">The property; null allows everything. An enumeration allows its names.</param>
    public static OptionRange Of(PropertyInfo? property)
    {
        if (property is null)
        {
            return _everything;
        }

        Type plain = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        IReadOnlyList<object?>? values = property.GetCustomAttribute<AllowedValuesAttribute>()?.Values ?? (plain.IsEnum ? Enum.GetNames(plain) : null);
        return new OptionRange(property.GetCustomAttribute<RangeAttribute>(), values);
    }

    /// <summary>Whether a value is allowed. Null, an option that was not given, always is.</summary>
    public bool Holds(object? value)
    {
        if (value is null)
        {
            return true;
        }

        if (Values is not null)
        {
            return Values.Any(allowed => Equals(allowed, value is Enum name ? name.ToString() : value));
        }

        if (Range is not { } range)
        {
            return true;
        }

        // Not a number is in no range.
        double number = Number(value), least = Number(range.Minimum), most = Number(range.Maximum);
        return (range.MinimumIsExclusive ? number > least : number >= least) && (range.MaximumIsExclusive ? number < most : number <= most);
    }

    private static string Bounds(RangeAttribute range)
    {
        (string least, string most) = (OptionText.Of(range.Minimum), OptionText.Of(range.Maximum));
        string from = range.MinimumIsExclusive ? $"above {least}" : least, to = range.MaximumIsExclusive ? $"below {most}" : most;
        return (IsOpen(range.Minimum), IsOpen(range.Maximum)) switch
        {
            (true, true) => "",
            (false, true) => range.MinimumIsExclusive ? from : $"{least} or more",
            (true, false) => range.MaximumIsExclusive ? to : $"{most} or less",
            _ => range.MinimumIsExclusive ? $"{from}, {(range.MaximumIsExclusive ? to : $"up to {most}")}" : $"{from} to {to}",
        };
    }

    private static bool IsOpen(object bound) => Number(bound) is var number && (double.IsInfinity(number) || number is int.MaxValue or int.MinValue);

    private static double Number(object value) => Convert.ToDouble(value, CultureInfo.InvariantCulture);
}
