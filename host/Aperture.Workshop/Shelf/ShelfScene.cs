using Aperture.Data;

namespace Aperture.Workshop;

/// <summary>What stands where on one shelf. Places count row by row from the top left.</summary>
public sealed class ShelfScene
{
    private const int FewestItems = 2, MostItems = 7, FewestKinds = 2, MostKinds = 5;
    private readonly int[] _kinds;
    private readonly int[] _colors;
    private readonly int[]? _numbers;

    /// <summary>A shelf.</summary>
    /// <param name="kinds">Kind of each place, -1 where it is empty.</param>
    /// <param name="colors">Colour of each place, -1 where it is empty.</param>
    /// <exception cref="ArgumentException">There are not <see cref="ShelfWords.Places"/> places, or only one of kind and colour is -1.</exception>
    public ShelfScene(ReadOnlySpan<int> kinds, ReadOnlySpan<int> colors)
    {
        if (kinds.Length != ShelfWords.Places || colors.Length != ShelfWords.Places)
        {
            throw new ArgumentException($"A shelf has {ShelfWords.Places} places, not {kinds.Length} and {colors.Length}.", nameof(kinds));
        }

        for (int place = 0; place < kinds.Length; place++)
        {
            if (kinds[place] < 0 != colors[place] < 0)
            {
                throw new ArgumentException($"Place {place} has a kind or a colour but not both.", nameof(kinds));
            }
        }

        (_kinds, _colors) = (kinds.ToArray(), colors.ToArray());
        Occupied = [.. Enumerable.Range(0, ShelfWords.Places).Where(place => _kinds[place] >= 0)];
        Unique = [.. Occupied.Where(place => Occupied.Count(other => _kinds[other] == _kinds[place] && _colors[other] == _colors[place]) == 1)];
    }

    private ShelfScene(ShelfScene plain, int[] numbers)
        : this(plain._kinds, plain._colors) => _numbers = numbers;

    /// <summary>The places that hold something, ascending.</summary>
    public IReadOnlyList<int> Occupied { get; }

    /// <summary>The places whose item is the only one of its kind and colour together, ascending.</summary>
    public IReadOnlyList<int> Unique { get; }

    /// <summary>Kind at a place; -1 if empty.</summary>
    public int Kind(int place) => _kinds[place];

    /// <summary>Colour at a place; -1 if empty.</summary>
    public int Color(int place) => _colors[place];

    /// <summary>The number on the label at a place; -1 where there is none.</summary>
    public int Number(int place) => _numbers?[place] ?? -1;

    /// <summary>What stands at a place, such as <c>red boot</c>, or <c>nothing</c>.</summary>
    public string Item(int place) => _kinds[place] < 0 ? "nothing" : $"{ShelfWords.Colors[_colors[place]]} {ShelfWords.Kinds[_kinds[place]]}";

    /// <summary>
    /// A random shelf of 2 to 7 items. Kinds and colours are drawn from random subsets, so that repeats are common and counts are not always 0 or 1.
    /// </summary>
    /// <param name="random">Source of chance.</param>
    public static ShelfScene Draw(SeededRandom random)
    {
        int[] kinds = new int[ShelfWords.Places], colors = new int[ShelfWords.Places];
        Array.Fill(kinds, -1);
        Array.Fill(colors, -1);
        int count = FewestItems + random.Below(MostItems - FewestItems + 1);
        int[] someKinds = random.Draw(ShelfWords.Kinds.Count, FewestKinds + random.Below(MostKinds - FewestKinds + 1));
        int[] someColors = random.Draw(ShelfWords.Colors.Count, FewestKinds + random.Below(MostKinds - FewestKinds + 1));
        foreach (int place in random.Draw(ShelfWords.Places, count))
        {
            kinds[place] = random.Pick(someKinds);
            colors[place] = random.Pick(someColors);
        }

        return new ShelfScene(kinds, colors);
    }

    /// <summary>The same shelf with a label on each item, each with a number of its own, 0 to 9.</summary>
    /// <param name="random">Source of chance.</param>
    public ShelfScene Labelled(SeededRandom random)
    {
        int[] numbers = new int[ShelfWords.Places], drawn = random.Draw(ShelfWords.Numbers.Count, Occupied.Count);
        Array.Fill(numbers, -1);
        for (int i = 0; i < drawn.Length; i++)
        {
            numbers[Occupied[i]] = drawn[i];
        }

        return new ShelfScene(this, numbers);
    }
}
