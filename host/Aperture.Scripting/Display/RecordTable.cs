using System.Collections;
using System.Reflection;
using Aperture.Tasks;

namespace Aperture.Scripting;

/// <summary>Makes a table of a list whose elements have properties: records, anonymous objects, variables.</summary>
internal static class RecordTable
{
    private const int MostRows = 50;
    private const int MostColumns = 12;

    /// <summary>The table, or null if the value is no such sequence. One that is made while it is read is read once, and no further than is shown.</summary>
    public static DisplayTable? TryCreate(object value, Func<object, string?> known)
    {
        if (value is not IEnumerable sequence || !MayHoldRecords(sequence))
        {
            return null;
        }

        List<object> elements = [];
        PropertyInfo[] columns = [];
        foreach (object? element in sequence)
        {
            // The first tells whether the others are looked at.
            columns = elements.Count == 0 && element is not null && known(element) is null ? Columns(element.GetType()) : columns;
            if (columns.Length < 2 || element is null || (elements.Count > 0 && element.GetType() != elements[0].GetType()))
            {
                return null;
            }

            elements.Add(element);
            if (elements.Count > MostRows)
            {
                break;
            }
        }

        return elements.Count == 0 ? null : new DisplayTable(
            [.. columns.Select(c => c.Name)],
            [.. elements.Take(MostRows).Select(e => (IReadOnlyList<string>)[.. columns.Select(c => Cell(c, e, known))])])
        {
            Caption = elements.Count <= MostRows ? "" : CountOf(sequence) is { } count ? $"… {count - MostRows} more" : "… more",
        };
    }

    /// <summary>Whether a sequence is made while it is read, such as a query.</summary>
    public static bool IsLazy(object value) => value is IEnumerable sequence && CountOf(sequence) is null;

    // A query of numbers is not read for nothing: what is no table is read again, as text. A type that has a text of its own is shown by it.
    private static bool MayHoldRecords(IEnumerable sequence) => sequence is ICollection { Count: > 0 }
        || (sequence is not (string or ICollection) && !ValueText.OverridesToString(sequence) && ElementType(sequence) is { } element
            && (element == typeof(object) || element.IsInterface || Columns(element).Length > 1));

    private static Type? ElementType(object sequence) => sequence.GetType().GetInterfaces()
        .FirstOrDefault(face => face.IsGenericType && face.GetGenericTypeDefinition() == typeof(IEnumerable<>))?.GetGenericArguments()[0];

    private static int? CountOf(IEnumerable sequence) => sequence is ICollection collection ? collection.Count
        : sequence.GetType().GetInterfaces().FirstOrDefault(IsCounted)?.GetProperty("Count")!.GetValue(sequence) as int?;

    private static bool IsCounted(Type face) =>
        face.IsGenericType && face.GetGenericTypeDefinition() is var open && (open == typeof(ICollection<>) || open == typeof(IReadOnlyCollection<>));

    private static PropertyInfo[] Columns(Type type) =>
        type.IsPrimitive || type.IsEnum || type == typeof(string) || typeof(IEnumerable).IsAssignableFrom(type) || typeof(IFormattable).IsAssignableFrom(type)
        ? []
        : [.. type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.CanRead && p.GetIndexParameters().Length == 0).Take(MostColumns)];

    private static string Cell(PropertyInfo column, object row, Func<object, string?> known)
    {
        object? value = ValueText.Read(column, row);
        return value is string text ? text : ValueText.Format(value, known);
    }
}
