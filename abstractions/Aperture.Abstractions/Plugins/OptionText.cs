using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Aperture.Plugins;

/// <summary>What help writes of an option's type and value.</summary>
internal static class OptionText
{
    /// <summary>The property behind a described one, under whatever name JSON has it.</summary>
    public static PropertyInfo? MemberOf(JsonPropertyInfo property, Type record)
        => property.AttributeProvider as PropertyInfo ?? record.GetProperty(property.Name);

    /// <summary>A type in plain words.</summary>
    public static string TypeOf(Type type)
    {
        Type plain = Nullable.GetUnderlyingType(type) ?? type;
        if (plain == typeof(string) || plain.IsEnum)
        {
            return "text";
        }

        if (plain == typeof(bool))
        {
            return "true/false";
        }

        if (plain == typeof(int) || plain == typeof(long))
        {
            return "integer";
        }

        if (plain == typeof(double) || plain == typeof(float))
        {
            return "number";
        }

        Type? item = plain.IsArray ? plain.GetElementType() : plain.IsGenericType ? plain.GetGenericArguments()[^1] : null;
        return item is not null && typeof(IEnumerable).IsAssignableFrom(plain) ? $"list of {Plural(TypeOf(item))}" : "value";
    }

    /// <summary>A value as one would write it; <c>none</c> for null and for an empty text.</summary>
    public static string Of(object? value) => value switch
    {
        null or "" or JsonElement { ValueKind: JsonValueKind.Undefined or JsonValueKind.Null } => "none",
        bool flag => flag ? "true" : "false",
        string text => text,
        JsonElement json => json.GetRawText(),
        IFormattable plain => plain.ToString(null, CultureInfo.InvariantCulture),
        IEnumerable items => $"[{string.Join(", ", items.Cast<object?>().Select(Of))}]",
        _ => value.ToString() ?? "",
    };

    private static string Plural(string type) => type is "text" or "true/false" ? $"{type} values" : type + "s";
}
