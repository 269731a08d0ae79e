using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Data;
using Aperture.Images;

namespace Aperture.Workshop;

/// <summary>
/// Writes shelves with sentences that name one item each, and exact masks: <c>NNNNNN.png</c>, <c>NNNNNN-PLACE.png</c> for the item, <c>NNNNNN-kind-K.png</c>
/// for everything of its kind, and <c>references.jsonl</c> with image, text, mask, type and kind_mask, which a segmenter's training reads.
/// </summary>
public static class ShelfReferenceSet
{
    /// <summary>Name of the file with the sentences.</summary>
    public const string ReferencesFile = "references.jsonl";

    private const long FirstStream = 1L << 59;

    /// <summary>Writes a set. The same seed writes the same files.</summary>
    /// <param name="folder">Created if absent.</param>
    /// <param name="items">Photographs to paint from.</param>
    /// <param name="perType">Sentences of each type.</param>
    /// <param name="seed">Seed.</param>
    /// <param name="progress">Gets how many sentences are done.</param>
    /// <returns>The number of sentences.</returns>
    public static int Write(string folder, FashionItems items, int perType, long seed, IProgress<int>? progress = null)
    {
        Directory.CreateDirectory(folder);
        ShelfReferenceType[] types = Enum.GetValues<ShelfReferenceType>();
        int[] asked = new int[types.Length];
        using StreamWriter lines = new(Path.Combine(folder, ReferencesFile));
        for (int picture = 0; asked.Any(count => count < perType); picture++)
        {
            SeededRandom random = new(seed, FirstStream + (2 * picture));
            ShelfScene scene = ShelfScene.Draw(random);
            // Painter and masks get the same draws.
            byte[] pixels = ShelfPainter.Paint(scene, items, new SeededRandom(seed, FirstStream + (2 * picture) + 1));
            byte[]?[] masks = ShelfMasks.Of(scene, items, new SeededRandom(seed, FirstStream + (2 * picture) + 1));
            List<ShelfReference> references = [];
            foreach (ShelfReferenceType type in types.Where(type => asked[(int)type] < perType))
            {
                if (ShelfReference.Ask(scene, type, random) is { } reference)
                {
                    references.Add(reference);
                    asked[(int)type]++;
                }
            }

            if (references.Count > 0)
            {
                string name = $"{picture:000000}";
                ShelfEvaluationSet.Picture(pixels, ShelfPainter.Side).SavePng(Path.Combine(folder, name + ".png"));
                references.ForEach(reference => lines.Write(Line(folder, name, scene, masks, reference)));
            }

            progress?.Report(asked.Sum());
        }

        return asked.Sum();
    }

    private static string Line(string folder, string name, ShelfScene scene, byte[]?[] masks, ShelfReference reference)
    {
        int kind = scene.Kind(reference.Place);
        byte[] all = new byte[ShelfPainter.Side * ShelfPainter.Side];
        foreach (byte[] mask in scene.Occupied.Where(place => scene.Kind(place) == kind).Select(place => masks[place]!))
        {
            for (int i = 0; i < all.Length; i++)
            {
                all[i] |= mask[i];
            }
        }

        JsonObject line = new()
        {
            ["image"] = name + ".png",
            ["text"] = reference.Sentence,
            ["mask"] = Save(folder, $"{name}-{reference.Place}.png", masks[reference.Place]!),
            ["type"] = JsonNamingPolicy.KebabCaseLower.ConvertName(reference.Type.ToString()),
            ["kind_mask"] = Save(folder, $"{name}-kind-{kind}.png", all),
        };
        return line.ToJsonString() + "\n";
    }

    private static string Save(string folder, string name, byte[] mask)
    {
        Image.FromPixels(ImageMode.L, mask, ShelfPainter.Side, ShelfPainter.Side).SavePng(Path.Combine(folder, name));
        return name;
    }
}
