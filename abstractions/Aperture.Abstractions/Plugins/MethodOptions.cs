using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Aperture.Plugins;

/// <summary>
/// An options record that checks itself. A property's range may stand on it as an attribute, <c>[Range(0, 1)]</c> or <c>[AllowedValues("max", "mean")]</c> of
/// <c>System.ComponentModel.DataAnnotations</c>: <see cref="MethodOptions.Bind"/> checks it, and <see cref="MethodOptions.Describe"/> shows it.
/// </summary>
public interface IMethodOptions
{
    /// <summary>Checks what no attribute says, such as options that exclude each other.</summary>
    /// <exception cref="ApertureException">A value is out of range; the message names option, value and range.</exception>
    void Validate()
    {
    }
}

/// <summary>Binds options from JSON with a message a user can act on, and describes an options record for help.</summary>
public static class MethodOptions
{
    /// <summary>
    /// The options of a record as help shows them, so that the record is their one source: defaults are those of a new instance, ranges those of the
    /// attributes, meanings the <c>summary</c> of each property in the XML documentation file beside the record's assembly (<c>GenerateDocumentationFile</c>);
    /// without a file, the property's name in words.
    /// </summary>
    /// <typeparam name="T">The options record.</typeparam>
    /// <param name="type">The record's source-generated type description.</param>
    /// <returns>One option a property that can be set, in the order of the record.</returns>
    public static IReadOnlyList<MethodOption> Describe<T>(JsonTypeInfo<T> type)
        where T : class, IMethodOptions, new()
    {
        T defaults = new();
        OptionDocumentation documentation = OptionDocumentation.Of(typeof(T));
        return
        [
            .. type.Properties.Where(property => property is { Get: not null, Set: not null }).Select(property => new MethodOption(
                property.Name,
                OptionText.TypeOf(property.PropertyType),
                OptionText.Of(property.Get!(defaults)),
                documentation.Of(OptionText.MemberOf(property, typeof(T))))
            {
                Allowed = OptionRange.Of(OptionText.MemberOf(property, typeof(T))).Text,
            }),
        ];
    }

    /// <summary>Binds and validates options.</summary>
    /// <typeparam name="T">The options record.</typeparam>
    /// <param name="method">The method's name, for messages.</param>
    /// <param name="options">A JSON object, or undefined/null for all defaults.</param>
    /// <param name="type">The record's source-generated type description, with case-insensitive property names.</param>
    /// <exception cref="ApertureException">Not an object, an unknown option, a value of the wrong type or out of range.</exception>
    public static T Bind<T>(string method, JsonElement options, JsonTypeInfo<T> type)
        where T : class, IMethodOptions, new()
    {
        if (options.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
        {
            T defaults = new();
            defaults.Validate();
            return defaults;
        }

        if (options.ValueKind != JsonValueKind.Object)
        {
            throw new ApertureException(
                $"{method}: options must be an object such as {{ \"{type.Properties.FirstOrDefault()?.Name}\": … }}, not {options.ValueKind}.");
        }

        foreach (JsonProperty property in options.EnumerateObject())
        {
            JsonPropertyInfo? known = type.Properties.FirstOrDefault(p => string.Equals(p.Name, property.Name, StringComparison.OrdinalIgnoreCase));
            if (known is null)
            {
                throw new ApertureException($"{method}: unknown option '{property.Name}'; it has {string.Join(", ", type.Properties.Select(p => p.Name))}.");
            }

            CheckType(method, property, known);
        }

        T bound;
        try
        {
            bound = options.Deserialize(type) ?? new T();
        }
        catch (JsonException error)
        {
            throw new ApertureException(
                $"{method}: option {error.Path?.TrimStart('$', '.')} has a value of the wrong type; write it as the method's help shows.", error);
        }

        foreach (JsonPropertyInfo property in type.Properties.Where(property => property is { Get: not null, Set: not null }))
        {
            OptionRange range = OptionRange.Of(OptionText.MemberOf(property, typeof(T)));
            object? value = property.Get!(bound);
            if (!range.Holds(value))
            {
                throw new ApertureException($"{method}: {property.Name} is {OptionText.Of(value)}; it can be {range.Text}.");
            }
        }

        bound.Validate();
        return bound;
    }

    private static void CheckType(string method, JsonProperty property, JsonPropertyInfo known)
    {
        Type target = Nullable.GetUnderlyingType(known.PropertyType) ?? known.PropertyType;
        JsonValueKind kind = property.Value.ValueKind;
        bool wrong = target == typeof(bool)
            ? kind is not (JsonValueKind.True or JsonValueKind.False)
            : (target == typeof(int) || target == typeof(long) || target == typeof(double) || target == typeof(float)) && kind != JsonValueKind.Number;
        if (wrong && !(kind == JsonValueKind.Null && Nullable.GetUnderlyingType(known.PropertyType) is not null))
        {
            throw new ApertureException(
                $"{method}: option {known.Name} must be a {(target == typeof(bool) ? "true/false value" : "number")}, not {property.Value.GetRawText()}.");
        }
    }
}
