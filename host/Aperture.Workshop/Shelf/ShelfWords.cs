namespace Aperture.Workshop;

/// <summary>The kinds, colours and places that shelves and the questions about them are made of.</summary>
public static class ShelfWords
{
    /// <summary>Places of a shelf along a side.</summary>
    public const int Side = 3;

    /// <summary>Places of a shelf.</summary>
    public const int Places = Side * Side;

    private static readonly int[] _labels = [0, 1, 3, 5, 8, 9];

    /// <summary>The kinds of item, those of Fashion-MNIST that people do not confuse at 28 pixels.</summary>
    public static IReadOnlyList<string> Kinds { get; } = ["shirt", "trouser", "dress", "sandal", "bag", "boot"];

    /// <summary>The colours.</summary>
    public static IReadOnlyList<string> Colors { get; } = ["red", "green", "blue", "yellow", "purple", "white"];

    /// <summary>The red, green and blue of each colour.</summary>
    public static IReadOnlyList<(int Red, int Green, int Blue)> Tints { get; } =
        [(220, 50, 45), (50, 185, 70), (60, 100, 235), (240, 210, 50), (175, 70, 210), (240, 240, 240)];

    /// <summary>The rows, from above.</summary>
    public static IReadOnlyList<string> Rows { get; } = ["top", "middle", "bottom"];

    /// <summary>The columns, from the left.</summary>
    public static IReadOnlyList<string> Columns { get; } = ["left", "center", "right"];

    /// <summary>The numbers that answers use.</summary>
    public static IReadOnlyList<string> Numbers { get; } = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

    /// <summary>Name of a place, such as <c>top left</c>.</summary>
    /// <param name="place">Row by row, 0 to <see cref="Places"/> - 1.</param>
    public static string Place(int place) => $"{Rows[place / Side]} {Columns[place % Side]}";

    /// <summary>More than one of a kind.</summary>
    /// <param name="kind">Index into <see cref="Kinds"/>.</param>
    public static string Plural(int kind) => Kinds[kind] + (Kinds[kind] == "dress" ? "es" : "s");

    /// <summary>The kind of a Fashion-MNIST label; -1 for those not used.</summary>
    /// <param name="label">0 to 9.</param>
    public static int KindOfLabel(int label) => Array.IndexOf(_labels, label);
}
