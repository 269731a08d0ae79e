using Aperture.Data;
using Aperture.Vision;

namespace Aperture.Workshop;

/// <summary>A world of shelves: how they are drawn and painted, what is asked about them, and in which words.</summary>
public sealed class ShelfSet
{
    private readonly bool _labels;
    private readonly int _towerSide;
    private readonly int _patch;

    private ShelfSet(string name, bool labels, int towerSide, int patch, IReadOnlyList<ShelfQuestionType> types, IReadOnlyList<string> words)
        => (Name, _labels, _towerSide, _patch, Types, Words) = (name, labels, towerSide, patch, types, words);

    /// <summary>Shelves of items, 96 pixels a side: twelve types of question.</summary>
    public static ShelfSet Items { get; } = new(
        "items", labels: false, ShelfPainter.Side, patch: 8,
        [.. Enum.GetValues<ShelfQuestionType>().TakeWhile(type => type <= ShelfQuestionType.FindColor)], []);

    /// <summary>
    /// Shelves whose items bear small printed numbers, 384 pixels a side: three types of question about numbers, and two that need none. Its words are those of
    /// the questions and of the sentence that LLaVA's own prompts begin with.
    /// </summary>
    public static ShelfSet Numbers { get; } = new(
        "numbers", labels: true, towerSide: 168, patch: 14,
        [
            ShelfQuestionType.NumberAt, ShelfQuestionType.NumberOf, ShelfQuestionType.WhereNumber, ShelfQuestionType.WhatAt, ShelfQuestionType.ColorAt,
        ],
        [
            "number", "on", "chat", "between", "curious", "user", "and", "an", "artificial", "intelligence", "gives", "helpful", "detailed", "polite",
            "answers", "to", "questions",
        ]);

    /// <summary>All sets.</summary>
    public static IReadOnlyList<ShelfSet> All { get; } = [Items, Numbers];

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>The types of question, in the order in which they are counted.</summary>
    public IReadOnlyList<ShelfQuestionType> Types { get; }

    /// <summary>Words of the vocabulary beside those of all shelves.</summary>
    public IReadOnlyList<string> Words { get; }

    /// <summary>Whether items bear numbers.</summary>
    public bool HasNumbers => _labels;

    /// <summary>Side of a picture in pixels.</summary>
    public int Side => _labels ? ShelfLabels.Side : ShelfPainter.Side;

    /// <summary>Most questions about one picture in a written set.</summary>
    internal int QuestionsPerPicture => _labels ? 10 : 6;

    /// <summary>Most of them of one type.</summary>
    internal int QuestionsPerType => _labels ? 2 : 1;

    /// <summary>A set by its name.</summary>
    /// <param name="name">The name.</param>
    /// <exception cref="ApertureException">There is none.</exception>
    public static ShelfSet Named(string name)
        => All.FirstOrDefault(set => set.Name == name)
            ?? throw new ApertureException($"There is no set of shelves '{name}'; there are {string.Join(" and ", All.Select(set => set.Name))}.");

    /// <summary>A random shelf.</summary>
    /// <param name="random">Source of chance.</param>
    public ShelfScene Draw(SeededRandom random)
    {
        ShelfScene scene = ShelfScene.Draw(random);
        return _labels ? scene.Labelled(random) : scene;
    }

    /// <summary>Paints a shelf.</summary>
    /// <param name="scene">What stands where.</param>
    /// <param name="items">Photographs to choose from.</param>
    /// <param name="random">Source of chance.</param>
    /// <returns>Red, green, blue of each pixel, row by row; <see cref="Side"/> x <see cref="Side"/> x 3 bytes.</returns>
    public byte[] Paint(ShelfScene scene, FashionItems items, SeededRandom random) => Paint(scene, items, random, out _);

    /// <summary>Paints a shelf, and tells where its labels are.</summary>
    /// <param name="scene">What stands where.</param>
    /// <param name="items">Photographs to choose from.</param>
    /// <param name="random">Source of chance.</param>
    /// <param name="labels">Gets the middle of each place's label, row and column in pixels; null for a place without one.</param>
    internal byte[] Paint(ShelfScene scene, FashionItems items, SeededRandom random, out (int Y, int X)?[] labels)
    {
        if (_labels)
        {
            return ShelfLabels.Paint(scene, items, random, out labels);
        }

        labels = new (int Y, int X)?[ShelfWords.Places];
        return ShelfPainter.Paint(scene, items, random);
    }

    /// <summary>Sizes of the small model's own tower for this set.</summary>
    /// <param name="side">Side in pixels that it sees pictures at; null for the set's own.</param>
    /// <exception cref="ApertureException">The side is no multiple of a row of the shelf's patches.</exception>
    internal VisionTransformerConfig Tower(int? side = null)
    {
        int chosen = side ?? _towerSide, step = _patch * ShelfWords.Side;
        if (chosen < step || chosen > Side || chosen % step != 0)
        {
            throw new ApertureException(
                $"The tower of the set '{Name}' cannot see pictures at {chosen} pixels; give a multiple of {step} up to {Side}, such as {_towerSide}.");
        }

        return new VisionTransformerConfig
        {
            HiddenSize = 128,
            IntermediateSize = _labels ? 256 : 512,
            Layers = 5,
            Heads = 4,
            ImageSize = chosen,
            PatchSize = _patch,
        };
    }
}
