using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text;
using Aperture.Pipelines;

namespace Aperture.Scripting;

/// <summary>Text for a value that a script shows: short, with long collections cut and the number of left-out elements named.</summary>
public static class ValueText
{
    private const int MaxElements = 20;
    private const int MaxDepth = 3;

    /// <summary>Formats a value.</summary>
    public static string Format(object? value) => value as string ?? Format(value, static _ => null);

    /// <summary>Formats a value, asking first whether somebody knows a text for it or for a part of it.</summary>
    internal static string Format(object? value, Func<object, string?> known) => Nested(value, 0, known);

    private static string Nested(object? value, int depth, Func<object, string?> known) => value switch
    {
        null => "null",
        string s => "\"" + s + "\"",
        char c => "'" + c + "'",
        bool b => b ? "true" : "false",
        _ when known(value) is { } text => text,
        Exception e => $"{e.GetType().Name}: {e.Message}",
        IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
        Type => value.ToString() ?? "",
        IDictionary d when depth < MaxDepth => Sequence(Entries(d), d.Count, e => $"[{Nested(e.Key, depth + 1, known)}] = {Nested(e.Value, depth + 1, known)}"),
        ICollection c when depth < MaxDepth => Sequence(c.Cast<object?>(), c.Count, e => Nested(e, depth + 1, known)),
        IEnumerable e when depth < MaxDepth && !OverridesToString(value) => Sequence(e.Cast<object?>(), null, x => Nested(x, depth + 1, known)),
        _ when OverridesToString(value) || depth >= MaxDepth => value.ToString() ?? "",
        _ => Properties(value, depth, known),
    };

    private static string Sequence<T>(IEnumerable<T> items, int? count, Func<T, string> format)
    {
        StringBuilder text = new("[");
        int shown = 0;
        foreach (T item in items)
        {
            if (shown == MaxElements)
            {
                text.Append(count is { } n ? $", … {n - shown} more" : ", …");
                break;
            }

            text.Append(shown++ == 0 ? "" : ", ").Append(format(item));
        }

        return text.Append(']').ToString();
    }

    private static IEnumerable<DictionaryEntry> Entries(IDictionary dictionary)
    {
        foreach (DictionaryEntry entry in dictionary)
        {
            yield return entry;
        }
    }

    private static string Properties(object value, int depth, Func<object, string?> known)
    {
        Type type = value.GetType();
        IEnumerable<string> shown = type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.CanRead && p.GetIndexParameters().Length == 0)
            .Take(MaxElements)
            .Select(p => $"{p.Name} = {Nested(Read(p, value), depth + 1, known)}");
        string list = string.Join(", ", shown);
        return list.Length == 0 ? type.Name : $"{type.Name} {{ {list} }}";
    }

    // A getter that throws is part of what the value has to show; it must not end the script.
    internal static object? Read(PropertyInfo property, object value)
    {
        try
        {
            return property.GetValue(value);
        }
        catch (TargetInvocationException e)
        {
            return e.InnerException;
        }
    }

    internal static bool OverridesToString(object value)
    {
        Type? declaring = value.GetType().GetMethod(nameof(ToString), Type.EmptyTypes)?.DeclaringType;
        return declaring != typeof(object) && declaring != typeof(ValueType);
    }
}
