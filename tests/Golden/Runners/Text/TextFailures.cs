using System.Text.Json;

namespace Aperture.Golden.Tests.Text;

/// <summary>Collects what differs in one case of many texts, so that a failure shows all of it.</summary>
internal sealed class TextFailures
{
    private const int Shown = 25;

    private readonly List<string> _failures = [];

    public int Compared { get; private set; }

    public void Equal<T>(string what, T expected, T actual)
    {
        Compared++;
        if (!Equals(expected, actual))
        {
            _failures.Add($"{what}\n    expected {Show(expected)}\n    actual   {Show(actual)}");
        }
    }

    public void SameIds(string what, IEnumerable<int> expected, IEnumerable<int> actual) => Equal(what, string.Join(' ', expected), string.Join(' ', actual));

    public void Near(string what, double expected, double actual, double tolerance = 1e-9)
    {
        Compared++;
        if (!(Math.Abs(expected - actual) <= tolerance))
        {
            _failures.Add($"{what}\n    expected {expected:R}\n    actual   {actual:R}");
        }
    }

    /// <summary>Fails if anything differed, or if nothing was compared at all.</summary>
    public void Check()
    {
        Assert.True(Compared > 0, "nothing was compared");
        Assert.True(_failures.Count == 0, $"{_failures.Count} of {Compared} differ:\n{string.Join('\n', _failures.Take(Shown))}");
    }

    public static int[] Ids(JsonElement list) => [.. list.EnumerateArray().Select(id => id.GetInt32())];

    private static string Show<T>(T value) => value is null ? "null" : $"'{value}'".ReplaceLineEnds();
}

internal static class TextFailureText
{
    public static string ReplaceLineEnds(this string text)
        => string.Concat(text.Select(c => c is < ' ' or '\u2028' or '\uFFFD' ? $"\\u{(int)c:X4}" : c.ToString()));
}
