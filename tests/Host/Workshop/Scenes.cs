using Aperture.Workshop;

namespace Aperture.Host.Tests.Workshop;

/// <summary>Shelves for tests.</summary>
internal static class Scenes
{
    /// <summary>A shelf with these items and nothing else.</summary>
    public static ShelfScene Of(params (int Place, int Kind, int Color)[] items)
    {
        int[] kinds = new int[ShelfWords.Places], colors = new int[ShelfWords.Places];
        Array.Fill(kinds, -1);
        Array.Fill(colors, -1);
        foreach ((int place, int kind, int color) in items)
        {
            (kinds[place], colors[place]) = (kind, color);
        }

        return new ShelfScene(kinds, colors);
    }
}
