using Aperture.Data;
using static Aperture.Workshop.ShelfWords;

namespace Aperture.Workshop;

/// <summary>What a sentence names an item by.</summary>
public enum ShelfReferenceType
{
    /// <summary>Kind and colour, where no other item has both: <c>the red bag</c>.</summary>
    Look,

    /// <summary>Kind and place: <c>the bag in the top left</c>.</summary>
    Place,

    /// <summary>Kind and side, among several of the kind: <c>the bag on the left</c>, the one furthest there.</summary>
    Side,

    /// <summary>Kind and rank, counted from a side in one row: <c>the second boot from the right</c>.</summary>
    Rank,

    /// <summary>Kind and its neighbour in the row: <c>the shirt next to the blue dress</c>.</summary>
    Neighbour,
}

/// <summary>A sentence that names one item of a shelf and no other.</summary>
/// <param name="Sentence">The sentence.</param>
/// <param name="Place">Where the item stands.</param>
/// <param name="Type">What it is named by.</param>
public sealed record ShelfReference(string Sentence, int Place, ShelfReferenceType Type)
{
    private static readonly string[] _ranks = ["first", "second", "third"];

    /// <summary>A sentence of a type about a shelf; null where there is none that names one item alone.</summary>
    /// <param name="scene">The shelf.</param>
    /// <param name="type">The type.</param>
    /// <param name="random">Source of chance.</param>
    public static ShelfReference? Ask(ShelfScene scene, ShelfReferenceType type, SeededRandom random)
    {
        ShelfReference[] possible = [.. scene.Occupied.SelectMany(place => Of(scene, place, type))];
        return possible.Length == 0 ? null : random.Pick(possible);
    }

    // Every sentence of the type that is about this item and no other.
    private static IEnumerable<ShelfReference> Of(ShelfScene scene, int place, ShelfReferenceType type)
    {
        string kind = Kinds[scene.Kind(place)];
        int[] alike = [.. scene.Occupied.Where(other => scene.Kind(other) == scene.Kind(place))];
        return type switch
        {
            ShelfReferenceType.Look => scene.Unique.Contains(place) ? [new($"the {scene.Item(place)}", place, type)] : [],
            ShelfReferenceType.Place => [new($"the {kind} in the {ShelfWords.Place(place)}", place, type)],
            ShelfReferenceType.Side => Sides(alike, place).Select(side => new ShelfReference($"the {kind} on the {side}", place, type)),
            ShelfReferenceType.Rank => Ranks(alike, place).Select(rank => new ShelfReference($"the {rank.Name} {kind} from the {rank.Side}", place, type)),
            _ => Neighbours(scene, alike, place).Select(other => new ShelfReference($"the {kind} next to the {scene.Item(other)}", place, type)),
        };
    }

    private static IEnumerable<string> Sides(int[] alike, int place)
    {
        int[] columns = [.. alike.Where(other => other != place).Select(Column)];
        if (columns.Length > 0 && columns.All(column => Column(place) < column))
        {
            yield return "left";
        }

        if (columns.Length > 0 && columns.All(column => Column(place) > column))
        {
            yield return "right";
        }
    }

    // Ranks are told where all of the kind stand in different columns.
    private static IEnumerable<(string Name, string Side)> Ranks(int[] alike, int place)
    {
        int[] columns = [.. alike.Select(Column).Distinct().Order()];
        if (alike.Length > 1 && columns.Length == alike.Length)
        {
            int rank = Array.IndexOf(columns, Column(place));
            yield return (_ranks[rank], "left");
            yield return (_ranks[columns.Length - 1 - rank], "right");
        }
    }

    // Items beside it that have their look alone, where no other of the kind is beside one.
    private static IEnumerable<int> Neighbours(ShelfScene scene, int[] alike, int place)
        => scene.Unique.Where(other => scene.Kind(other) != scene.Kind(place) && AreBeside(other, place) && alike.Count(like => AreBeside(other, like)) == 1);

    private static bool AreBeside(int one, int other) => Row(one) == Row(other) && Math.Abs(Column(one) - Column(other)) == 1;

    private static int Column(int place) => place % ShelfWords.Side;

    private static int Row(int place) => place / ShelfWords.Side;
}
