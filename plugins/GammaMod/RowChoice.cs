namespace Aperture.Plugins.GammaMod;

/// <summary>Choice of rows by their keys.</summary>
internal static class RowChoice
{
    /// <summary>The rows with the largest keys; of equal keys the earlier row's counts as larger.</summary>
    /// <param name="keys">One a row.</param>
    /// <param name="count">How many.</param>
    /// <returns>Rows, ascending.</returns>
    public static int[] Largest(float[] keys, int count)
        => [.. Enumerable.Range(0, keys.Length).OrderByDescending(row => keys[row]).Take(count).Order()];
}
