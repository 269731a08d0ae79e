namespace Aperture.Weights;

/// <summary>The error for a name that no tensor has, with the nearest names that exist.</summary>
internal static class MissingWeight
{
    private const int Shown = 3;

    public static ApertureException In(string where, string name, IReadOnlyCollection<string> names)
    {
        string last = name.Split('.')[^1];
        List<string> near = names.Where(other => other.EndsWith(name, StringComparison.Ordinal) || name.EndsWith(other, StringComparison.Ordinal))
            .Concat(names.Where(other => other.EndsWith(last, StringComparison.Ordinal)))
            .Where(other => other.Length > 0)
            .Distinct(StringComparer.Ordinal)
            .Take(Shown)
            .ToList();
        string hint = near.Count > 0 ? $"near it: {string.Join(", ", near)}" : $"it holds {names.Count} tensors";
        return new ApertureException($"{where} has no tensor '{name}' ({hint}); check that the checkpoint belongs to this model.");
    }
}
