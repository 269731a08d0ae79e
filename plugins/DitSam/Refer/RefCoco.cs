using System.Globalization;
using System.Text.Json;
using Aperture.Files;
using Aperture.Plugins.DitSam.Dit;

namespace Aperture.Plugins.DitSam.Refer;

/// <summary>One thing of RefCOCO, RefCOCO+ or RefCOCOg.</summary>
/// <param name="Picture">Full path of its picture.</param>
/// <param name="Mask">Full path of its mask.</param>
/// <param name="Sentences">Sentences that name it, at least one.</param>
/// <param name="Id">Number of its mask.</param>
internal sealed record ReferredThing(string Picture, string Mask, IReadOnlyList<string> Sentences, long Id);

/// <summary>
/// Annotations of the RefCOCO sets as DIT's code has them: an object of splits, each a list of <c>iid</c>, <c>refs</c>, <c>mask_id</c> (and <c>bbox</c>,
/// <c>cat_id</c>, which nothing here needs). Masks are one NumPy file each; pictures are COCO's.
/// </summary>
internal static class RefCoco
{
    private const long LargestFile = 1L << 30;

    /// <summary>Reads a split.</summary>
    /// <param name="annotations">The JSON file.</param>
    /// <param name="pictures">Folder of COCO's training pictures.</param>
    /// <param name="masks">Folder of the masks.</param>
    /// <param name="split">The split, or several with <c>+</c> between them.</param>
    /// <exception cref="ApertureException">The file is damaged, has no such split, or names a picture or mask that is not there.</exception>
    public static IReadOnlyList<ReferredThing> Read(string annotations, string pictures, string masks, string split)
    {
        if (!File.Exists(annotations))
        {
            throw new ApertureException($"{DitFactory.SegmenterName}: there is no annotation file '{annotations}'.");
        }

        try
        {
            using JsonDocument json = JsonText.Parse(InputFile.Bytes(annotations, LargestFile));
            return [.. split.Split('+').SelectMany(part => Split(json.RootElement, part, annotations)).Select(entry => Thing(entry, pictures, masks))];
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            string reason = error.Message.ReplaceLineEndings(" ").TrimEnd('.');
            throw new ApertureException(
                $"{DitFactory.SegmenterName}: '{annotations}' is no annotation file of RefCOCO, an object of splits with iid, refs and mask_id: {reason}.",
                error);
        }
    }

    private static List<JsonElement> Split(JsonElement root, string name, string annotations)
        => root.TryGetProperty(name, out JsonElement split)
            ? [.. split.EnumerateArray()]
            : throw new ApertureException(
                $"{DitFactory.SegmenterName}: '{annotations}' has no split '{name}'; it has "
                + $"{string.Join(", ", root.EnumerateObject().Select(part => part.Name))}.");

    private static ReferredThing Thing(JsonElement entry, string pictures, string masks)
    {
        long picture = entry.GetProperty("iid").GetInt64(), mask = entry.GetProperty("mask_id").GetInt64();
        string[] sentences =
        [
            .. entry.GetProperty("refs").EnumerateArray().Select(text => text.GetString() ?? throw new FormatException("a sentence is null")),
        ];
        string picturePath = Path.Combine(pictures, string.Create(CultureInfo.InvariantCulture, $"COCO_train2014_{picture:D12}.jpg"));
        string maskPath = Path.Combine(masks, string.Create(CultureInfo.InvariantCulture, $"{mask}.npy"));
        foreach ((string kind, string path) in new[] { ("picture", picturePath), ("mask", maskPath) })
        {
            if (!File.Exists(path))
            {
                throw new ApertureException($"{DitFactory.SegmenterName}: annotation {mask} names the {kind} '{path}', which does not exist.");
            }
        }

        return sentences.Length > 0
            ? new ReferredThing(picturePath, maskPath, sentences, mask)
            : throw new FormatException($"annotation {mask} has no sentence");
    }
}
