using static Aperture.Workshop.HeadAttribute;

namespace Aperture.Workshop;

/// <summary>Sentences that describe heads. What a head does not have they leave out; everything else they name.</summary>
public static class HeadSentences
{
    /// <summary>The sentences of a head; each describes it wholly.</summary>
    public static IReadOnlyList<string> Of(PaintedHead head)
    {
        string hair = $"{head.Word(HairLength)} {head.Word(HairColor)} hair", skin = head.Word(Skin), person = head.Word(Person);
        string[] worn = [.. new[] { Glasses, Beard, Hat }.Where(attribute => head[attribute] > 0).Select(head.Word)];
        return
        [
            $"a {person} with {Joined([$"{skin} skin", hair, .. worn])} before a {head.Word(Wall)} wall",
            $"a {skin} {person} with {Joined([hair, .. worn])} before a {head.Word(Wall)} wall",
            $"before a {head.Word(Wall)} wall, a {person} with {Joined([.. worn.Reverse(), hair, $"{skin} skin"])}",
        ];
    }

    private static string Joined(string[] parts) => parts.Length == 1 ? parts[0] : $"{string.Join(", ", parts[..^1])} and {parts[^1]}";
}
