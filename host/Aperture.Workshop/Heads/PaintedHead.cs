using Aperture.Data;

namespace Aperture.Workshop;

/// <summary>A head: a value of each attribute, and proportions that no sentence names.</summary>
public sealed class PaintedHead
{
    private const long HeldOutSeed = 20;
    private const int HeldOutShare = 6; // one of so many combinations is held out
    private const double Stretch = 0.04;

    private readonly int[] _values;

    /// <summary>A head.</summary>
    /// <param name="values">A value of each attribute, by their order.</param>
    /// <param name="width">Factor on its width.</param>
    /// <param name="height">Factor on its height.</param>
    /// <exception cref="ArgumentException">There are not as many values as attributes, or one is out of range.</exception>
    public PaintedHead(ReadOnlySpan<int> values, double width = 1, double height = 1)
    {
        if (values.Length != HeadWords.Attributes.Count)
        {
            throw new ArgumentException($"A head has {HeadWords.Attributes.Count} attributes, not {values.Length}.", nameof(values));
        }

        for (int attribute = 0; attribute < values.Length; attribute++)
        {
            int count = HeadWords.Values((HeadAttribute)attribute).Count;
            if (values[attribute] < 0 || values[attribute] >= count)
            {
                throw new ArgumentException($"{(HeadAttribute)attribute} is {values[attribute]}, but has {count} values.", nameof(values));
            }
        }

        (_values, Width, Height) = (values.ToArray(), width, height);
    }

    /// <summary>Factor on its width.</summary>
    public double Width { get; }

    /// <summary>Factor on its height.</summary>
    public double Height { get; }

    /// <summary>Which part its attributes belong to.</summary>
    public HeadPart Part
        => new SeededRandom(HeldOutSeed, _values.Aggregate(0, (code, value) => (code * 8) + value)).Below(HeldOutShare) == 0
            ? HeadPart.HeldOut : HeadPart.Training;

    /// <summary>The value of an attribute, an index into its words.</summary>
    public int this[HeadAttribute attribute] => _values[(int)attribute];

    /// <summary>The word of an attribute's value.</summary>
    public string Word(HeadAttribute attribute) => HeadWords.Values(attribute)[this[attribute]];

    /// <summary>The same head with another value of one attribute.</summary>
    public PaintedHead With(HeadAttribute attribute, int value)
    {
        int[] values = [.. _values];
        values[(int)attribute] = value;
        return new PaintedHead(values, Width, Height);
    }

    /// <summary>The same head in usual proportions.</summary>
    public PaintedHead Usual() => new(_values);

    /// <summary>A random head of a part. Beards are men's.</summary>
    /// <param name="part">The part.</param>
    /// <param name="random">Source of chance.</param>
    public static PaintedHead Draw(HeadPart part, SeededRandom random)
    {
        while (true)
        {
            int[] values = [.. HeadWords.Attributes.Select(attribute => random.Below(HeadWords.Values(attribute).Count))];
            PaintedHead head = new(values, random.Uniform(1 - Stretch, 1 + Stretch), random.Uniform(1 - Stretch, 1 + Stretch));
            if (head.Exists && head.Part == part)
            {
                return head;
            }
        }
    }

    /// <summary>The head with another value of one attribute, drawn at random; a head of training stays one.</summary>
    /// <param name="random">Source of chance.</param>
    public (PaintedHead Head, HeadAttribute Attribute) Edited(SeededRandom random)
    {
        (PaintedHead Head, HeadAttribute Attribute)[] possible =
        [
            .. from attribute in HeadWords.Attributes
               from value in Enumerable.Range(0, HeadWords.Values(attribute).Count)
               where value != this[attribute]
               let other = With(attribute, value)
               where other.Exists && (Part == HeadPart.HeldOut || other.Part == HeadPart.Training)
               select (other, attribute),
        ];
        HeadAttribute drawn = random.Pick([.. possible.Select(edit => edit.Attribute).Distinct()]);
        return random.Pick([.. possible.Where(edit => edit.Attribute == drawn)]);
    }

    private bool Exists => this[HeadAttribute.Beard] == 0 || Word(HeadAttribute.Person) == "man";
}
