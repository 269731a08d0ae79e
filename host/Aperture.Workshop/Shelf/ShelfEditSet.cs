using System.Text.Json.Nodes;
using Aperture.Data;
using Aperture.Images;
using static Aperture.Workshop.ShelfWords;

namespace Aperture.Workshop;

/// <summary>
/// Writes shelves to train an image editor on and to measure it with: <c>NNNNNN.png</c>; <c>edits.jsonl</c> with image, captions, and the box of each item with
/// sentences that name it, which a diffusion model's training reads; <c>edits.txt</c>, one edit a picture in the layout of the Editing-Mask benchmark, of an
/// item's colour or of its kind, in turn; and <c>NNNNNN-mask.png</c>, the edited item's mask.
/// </summary>
public static class ShelfEditSet
{
    /// <summary>Name of the file of samples.</summary>
    public const string SamplesFile = "edits.jsonl";

    /// <summary>Name of the list of edits.</summary>
    public const string ListFile = "edits.txt";

    private const long FirstStream = 3L << 58;

    /// <summary>Writes a set. The same seed writes the same files.</summary>
    /// <param name="folder">Created if absent.</param>
    /// <param name="items">Photographs to paint from.</param>
    /// <param name="pictures">How many pictures.</param>
    /// <param name="seed">Seed.</param>
    /// <param name="progress">Gets how many pictures are done.</param>
    /// <returns>The number of pictures.</returns>
    public static int Write(string folder, FashionItems items, int pictures, long seed, IProgress<int>? progress = null)
    {
        Directory.CreateDirectory(folder);
        using StreamWriter lines = new(Path.Combine(folder, SamplesFile)), list = new(Path.Combine(folder, ListFile));
        for (int picture = 0; picture < pictures; picture++)
        {
            SeededRandom random = new(seed, FirstStream + (2 * picture));
            ShelfScene scene = ShelfScene.Draw(random);
            // Painter and masks get the same draws.
            byte[] pixels = ShelfPainter.Paint(scene, items, new SeededRandom(seed, FirstStream + (2 * picture) + 1));
            byte[]?[] masks = ShelfMasks.Of(scene, items, new SeededRandom(seed, FirstStream + (2 * picture) + 1));
            string name = $"{picture:000000}";
            ShelfEvaluationSet.Picture(pixels, ShelfPainter.Side).SavePng(Path.Combine(folder, name + ".png"));
            lines.Write(Sample(name, scene, masks).ToJsonString() + "\n");

            int place = random.Pick(scene.Unique.Count > 0 ? scene.Unique : scene.Occupied);
            Image.FromPixels(ImageMode.L, masks[place]!, ShelfPainter.Side, ShelfPainter.Side).SavePng(Path.Combine(folder, name + "-mask.png"));
            list.Write($"{name} <> {ShelfCaptions.Of(scene)[0]} <> {Named(scene, place)} <> {Edited(scene, place, byColor: picture % 2 == 0, random)}\n");
            progress?.Report(picture + 1);
        }

        return pictures;
    }

    private static JsonObject Sample(string name, ShelfScene scene, byte[]?[] masks)
    {
        IReadOnlyList<string> captions = ShelfCaptions.Of(scene);
        string[] named = [.. scene.Occupied.Select(place => Named(scene, place))];
        string[] pairs = [.. scene.Occupied.Zip(scene.Occupied.Skip(1), (one, next) => $"{Named(scene, one)} and {Named(scene, next)}")];
        return new JsonObject
        {
            ["image"] = name + ".png",
            ["text"] = captions[0],
            ["captions"] = Strings([.. named, .. pairs]),
            ["regions"] = new JsonArray(
                [
                    .. scene.Occupied.Select(place => new JsonObject
                    {
                        ["box"] = Box(masks[place]!),
                        ["texts"] = Strings([Named(scene, place)]),
                    }),
                ]),
        };
    }

    // The place first, and nothing that could stand for anything: a text encoder reads from left to right, so that each word knows where the item is.
    private static string Named(ShelfScene scene, int place) => Named(place, scene.Item(place));

    private static string Named(int place, string item) => $"{Place(place)} {item}";

    // Another colour of the same kind, or another kind of the same colour.
    private static string Edited(ShelfScene scene, int place, bool byColor, SeededRandom random)
    {
        int color = scene.Color(place), kind = scene.Kind(place);
        int Other(int count, int than) => (than + 1 + random.Below(count - 1)) % count;
        return byColor
            ? Named(place, $"{Colors[Other(Colors.Count, color)]} {Kinds[kind]}")
            : Named(place, $"{Colors[color]} {Kinds[Other(Kinds.Count, kind)]}");
    }

    private static JsonArray Strings(IEnumerable<string> texts) => [.. texts.Select(text => (JsonNode?)JsonValue.Create(text))];

    // Left, top, right and bottom of the mask, the last two behind it.
    private static JsonArray Box(byte[] mask)
    {
        int[] inside = [.. Enumerable.Range(0, mask.Length).Where(pixel => mask[pixel] != 0)];
        int[] columns = [.. inside.Select(pixel => pixel % ShelfPainter.Side)], rows = [.. inside.Select(pixel => pixel / ShelfPainter.Side)];
        return [columns.Min(), rows.Min(), columns.Max() + 1, rows.Max() + 1];
    }
}
