using static Aperture.Workshop.ShelfWords;

namespace Aperture.Workshop;

/// <summary>
/// Sentences that describe a shelf, each in a way of its own. A shelf has one sentence of each way, so that a caption that is one of them says nothing
/// wrong and leaves out nothing that its way tells.
/// </summary>
public static class ShelfCaptions
{
    private static readonly string[] _rows = ["at the top", "in the middle", "at the bottom"];

    /// <summary>The sentences about a shelf: its looks, its kinds, its rows, its first and last item, its colours.</summary>
    /// <param name="scene">The shelf.</param>
    /// <returns>Five sentences in lower case; the same for the same shelf.</returns>
    public static IReadOnlyList<string> Of(ShelfScene scene) => [Looks(scene), KindsOf(scene), RowsOf(scene), Ends(scene), ColorsOf(scene)];

    // two red boots, a white bag and a blue dress
    private static string Looks(ShelfScene scene)
        => List(scene.Occupied.GroupBy(place => (Color: scene.Color(place), Kind: scene.Kind(place)))
            .Select(look => Some(look.Count(), Colors[look.Key.Color] + " ", look.Key.Kind)));

    // three boots and a bag on a shelf
    private static string KindsOf(ShelfScene scene)
        => List(scene.Occupied.GroupBy(scene.Kind).Select(kind => Some(kind.Count(), "", kind.Key))) + " on a shelf";

    // a boot and a bag at the top, a dress at the bottom
    private static string RowsOf(ShelfScene scene)
        => string.Join(", ", scene.Occupied.GroupBy(place => place / Side)
            .Select(row => $"{List(row.Select(place => Some(1, "", scene.Kind(place))))} {_rows[row.Key]}"));

    // a red boot in the top left and a blue dress in the bottom right
    private static string Ends(ShelfScene scene)
        => List(new[] { scene.Occupied[0], scene.Occupied[^1] }.Distinct().Select(place => $"a {scene.Item(place)} in the {Place(place)}"));

    // five items on a shelf, two red, two white and one blue
    private static string ColorsOf(ShelfScene scene)
        => $"{Numbers[scene.Occupied.Count]} {(scene.Occupied.Count == 1 ? "item" : "items")} on a shelf, "
            + List(scene.Occupied.GroupBy(scene.Color).Select(color => $"{Numbers[color.Count()]} {Colors[color.Key]}"));

    private static string Some(int count, string color, int kind) => count == 1 ? $"a {color}{Kinds[kind]}" : $"{Numbers[count]} {color}{Plural(kind)}";

    private static string List(IEnumerable<string> parts)
    {
        string[] all = [.. parts];
        return all.Length == 1 ? all[0] : $"{string.Join(", ", all[..^1])} and {all[^1]}";
    }
}
