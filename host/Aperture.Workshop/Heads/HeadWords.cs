namespace Aperture.Workshop;

/// <summary>The values of heads' attributes: words and colours.</summary>
public static class HeadWords
{
    private static readonly string[][] _values =
    [
        ["man", "woman"],
        ["pale", "tan", "dark"],
        ["black", "brown", "blond", "red", "grey"],
        ["short", "long"],
        ["no glasses", "glasses"],
        ["no beard", "a beard"],
        ["no hat", "a blue hat"],
        ["grey", "green", "yellow"],
    ];

    /// <summary>All attributes.</summary>
    public static IReadOnlyList<HeadAttribute> Attributes { get; } = Enum.GetValues<HeadAttribute>();

    /// <summary>The red, green and blue of each skin.</summary>
    public static IReadOnlyList<(int Red, int Green, int Blue)> Skins { get; } = [(240, 205, 180), (205, 150, 105), (120, 78, 52)];

    /// <summary>Those of each hair.</summary>
    public static IReadOnlyList<(int Red, int Green, int Blue)> Hairs { get; } =
        [(30, 26, 28), (105, 65, 35), (225, 190, 100), (180, 65, 25), (165, 165, 170)];

    /// <summary>Those of each wall.</summary>
    public static IReadOnlyList<(int Red, int Green, int Blue)> Walls { get; } = [(150, 150, 155), (90, 150, 95), (225, 205, 120)];

    /// <summary>The values of an attribute.</summary>
    public static IReadOnlyList<string> Values(HeadAttribute attribute) => _values[(int)attribute];
}
