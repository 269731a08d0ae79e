using System.Text.Json.Nodes;
using Aperture.Data;

namespace Aperture.Workshop;

/// <summary>
/// Writes shelves with sentences that describe them: <c>NNNNNN.png</c>, <c>captions.jsonl</c> with image, text and captions, which a captioner's training
/// reads, and <c>references.json</c> with the captions by picture, which <c>aperture score</c> reads.
/// </summary>
public static class ShelfCaptionSet
{
    /// <summary>Name of the file of samples.</summary>
    public const string SamplesFile = "captions.jsonl";

    /// <summary>Name of the file of references.</summary>
    public const string ReferencesFile = "references.json";

    private const long FirstStream = 1L << 60;

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
        JsonObject references = [];
        using StreamWriter lines = new(Path.Combine(folder, SamplesFile));
        for (int picture = 0; picture < pictures; picture++)
        {
            ShelfScene scene = ShelfScene.Draw(new SeededRandom(seed, FirstStream + (2 * picture)));
            byte[] pixels = ShelfPainter.Paint(scene, items, new SeededRandom(seed, FirstStream + (2 * picture) + 1));
            string name = $"{picture:000000}.png";
            ShelfEvaluationSet.Picture(pixels, ShelfPainter.Side).SavePng(Path.Combine(folder, name));

            IReadOnlyList<string> captions = ShelfCaptions.Of(scene);
            JsonArray Sentences() => [.. captions.Select(caption => JsonValue.Create(caption))];
            lines.Write(new JsonObject { ["image"] = name, ["text"] = captions[0], ["captions"] = Sentences() }.ToJsonString() + "\n");
            references[name] = Sentences();
            progress?.Report(picture + 1);
        }

        File.WriteAllText(Path.Combine(folder, ReferencesFile), references.ToJsonString());
        return pictures;
    }
}
