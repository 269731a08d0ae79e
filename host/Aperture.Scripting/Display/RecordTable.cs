using System.Collections;
using System.Reflection;
using Aperture.Tasks;

namespace Aperture.Scripting;

/// <summary>Makes a table of a list whose elements have properties: records, anonymous objects, variables.</summary>
internal static class RecordTable
{
    private const int MostRows = 50;
    private const int MostColumns = 12;

    /// <summary>The table, or null if the value is no such list.</summary>
    public static DisplayTable? TryCreate(object value, Func<object, string?> known)
    {
        if (value is string or not ICollection { Count: > 0 } || Elements((ICollection)value) is not [{ } first, ..] elements
            || elements.Any(e => e?.GetType() != first.GetType()) || known(first) is not null)
        {
            return null;
        }

        PropertyInfo[] columns = Columns(first.GetType());
        if (columns.Length < 2)
        {
            return null;
        }

        int left = ((ICollection)value).Count - elements.Count;
        return new DisplayTable(
            [.. columns.Select(c => c.Name)],
            [.. elements.Select(e => (IReadOnlyList<string>)[.. columns.Select(c => Cell(c, e!, known))])])
        {
            Caption = left > 0 ? $"… {left} more" : "",
        };
    }

    private static List<object?> Elements(ICollection collection) => [.. collection.Cast<object?>().Take(MostRows)];

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
