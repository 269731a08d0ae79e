using Aperture.Benchmarks;

namespace Aperture.Host.Commands;

/// <summary>Names of the rows of <c>bench --shape</c>, as they are printed and as <c>--only</c> takes them.</summary>
internal static class ShapeRows
{
    public const string Decode = "decode", Prefill = "prefill", Unpruned = "un-pruned", FitPrune = "fitprune", DyVte = "dyvte", GammaMod = "gamma-mod", Eas = "eas", Mixture = "mixture";

    /// <summary>Rows of a decoder alone, in the order they are measured.</summary>
    public static IReadOnlyList<string> OfDecoder { get; } = [Decode, Prefill, FitPrune, DyVte, GammaMod, Eas, Mixture];

    /// <summary>Rows of a whole model, in the order they are measured.</summary>
    public static IReadOnlyList<string> OfModel { get; } = [Unpruned, FitPrune];

    /// <summary>The rows to measure: those named, or all where none is.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="only">Names, in any case.</param>
    /// <exception cref="ApertureException">A name is no row of the shape.</exception>
    public static IReadOnlyList<string> Pick(ModelShape shape, IReadOnlyList<string> only)
    {
        IReadOnlyList<string> rows = shape.Vision is null ? OfDecoder : OfModel;
        return only.FirstOrDefault(name => !rows.Contains(name, StringComparer.OrdinalIgnoreCase)) is { } unknown
            ? throw new ApertureException($"--only {unknown}: {shape.Name} has no such row; give {List(rows)}.")
            : [.. rows.Where(row => only.Count == 0 || only.Contains(row, StringComparer.OrdinalIgnoreCase))];
    }

    /// <summary>Names as a sentence lists them.</summary>
    /// <param name="rows">At least two names.</param>
    public static string List(IReadOnlyList<string> rows) => $"{string.Join(", ", rows.SkipLast(1))} or {rows[^1]}";
}
