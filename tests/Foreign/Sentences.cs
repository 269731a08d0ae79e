namespace Aperture.Foreign.Tests;

/// <summary>Sentences of every sort, the same each time.</summary>
internal static class Sentences
{
    private static readonly string[] _colours = ["red", "blue", "Green", "silver", "off-white", "naïve grey"];
    private static readonly string[] _things = ["bag", "boots", "T-shirt", "ankle boot", "sneakers", "umbrella", "crème brûlée", "数据", "xylophonist's hat"];
    private static readonly string[] _places = ["in the top left", "from the right", "next to the dress", "under 3 chairs", "behind it?!", "(almost) hidden"];

    /// <summary>So many sentences, of one word to more than fit.</summary>
    public static IEnumerable<string> Make(int count)
    {
        for (int i = 0; i < count; i++)
        {
            string thing = $"{_colours[i % _colours.Length]} {_things[i / 2 % _things.Length]}", place = _places[i / 3 % _places.Length];
            yield return (i % 5) switch
            {
                0 => $"the {thing} {place}",
                1 => $"Where is the {thing}, number {i}, {place}?",
                2 => _things[i % _things.Length],
                3 => $"{thing} and {thing} and {place} and whatever else is {place} or was there before {i} o'clock, as far as anybody remembers it",
                _ => $"{place}: {thing}",
            };
        }
    }
}
