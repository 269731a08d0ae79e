using Aperture.Benchmarks;

namespace Aperture.Host.Commands;

/// <summary>
/// Names of the rows of <c>bench --shape</c>, as they are printed and as <c>--only</c> takes them: these, and between them the names of methods.
/// </summary>
internal static class ShapeRows
{
    public const string Decode = "decode", Prefill = "prefill", Unpruned = "un-pruned", Mixture = "mixture";

    /// <summary>The rows to measure: those named, or all where none is, in the order they are measured.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="methods">Its rows that run methods.</param>
    /// <param name="only">Names, in any case.</param>
    /// <exception cref="ApertureException">A name is no row of the shape.</exception>
    public static IReadOnlyList<string> Pick(ModelShape shape, IReadOnlyList<ShapeRow> methods, IReadOnlyList<string> only)
    {
        string[] plain = shape.Vision is null ? [Decode, Prefill] : [Unpruned];
        string[] rows = [.. plain, .. methods.Select(row => row.Name)];
        return only.FirstOrDefault(name => !rows.Contains(name, StringComparer.OrdinalIgnoreCase)) is { } unknown
            ? throw new ApertureException($"--only {unknown}: {shape.Name} has no such row; give {List(rows)}.")
            : [.. rows.Where(row => only.Count == 0 || only.Contains(row, StringComparer.OrdinalIgnoreCase))];
    }

    private static string List(string[] rows) => rows.Length == 1 ? rows[0] : $"{string.Join(", ", rows.SkipLast(1))} or {rows[^1]}";
}
