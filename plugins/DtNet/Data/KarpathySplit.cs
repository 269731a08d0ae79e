using System.Text.Json;
using Aperture.Files;

namespace Aperture.Plugins.DtNet.Data;

/// <summary>A caption of MS-COCO.</summary>
/// <param name="ImageId">The picture's id.</param>
/// <param name="Text">The sentence.</param>
internal sealed record CocoCaption(long ImageId, string Text);

/// <summary>
/// Reads Karpathy's split of MS-COCO as the official code does: arrays of annotation ids (<c>coco_train_ids.npy</c> and alike) over
/// <c>captions_train2014.json</c> and <c>captions_val2014.json</c>. Training is train and restval together.
/// </summary>
internal static class KarpathySplit
{
    private const long LargestFile = 1L << 30;
    private const string Train = "captions_train2014.json", Validation = "captions_val2014.json";

    /// <summary>The parts there are.</summary>
    public static IReadOnlyList<string> Parts { get; } = ["train", "val", "test"];

    /// <summary>Reads a part.</summary>
    /// <param name="folder">Folder with the five files.</param>
    /// <param name="part">One of <see cref="Parts"/>.</param>
    /// <returns>The captions in the order of the ids.</returns>
    /// <exception cref="ApertureException">A file is missing or damaged, or an id has no caption.</exception>
    public static IReadOnlyList<CocoCaption> Read(string folder, string part) => part switch
    {
        "train" => [.. Read(folder, "coco_train_ids.npy", Train), .. Read(folder, "coco_restval_ids.npy", Validation)],
        "val" => Read(folder, "coco_dev_ids.npy", Validation),
        "test" => Read(folder, "coco_test_ids.npy", Validation),
        _ => throw new ApertureException($"There is no part '{part}' of Karpathy's split; there are {string.Join(", ", Parts)}."),
    };

    private static List<CocoCaption> Read(string folder, string ids, string annotations)
    {
        Dictionary<long, CocoCaption> known = Captions(Path.Combine(folder, annotations));
        List<CocoCaption> captions = [];
        foreach (long id in NumpyFile.Read(Path.Combine(folder, ids)).ToIntegers())
        {
            captions.Add(known.TryGetValue(id, out CocoCaption? caption)
                ? caption
                : throw new ApertureException($"'{ids}' names the caption {id}, which '{annotations}' does not hold; both must be MS-COCO's of 2014."));
        }

        return captions;
    }

    private static Dictionary<long, CocoCaption> Captions(string path)
    {
        if (!File.Exists(path))
        {
            throw new ApertureException($"There is no '{path}'; the folder holds MS-COCO's captions of 2014 and the arrays of ids.");
        }

        try
        {
            using JsonDocument json = JsonText.Parse(InputFile.Bytes(path, LargestFile));
            return json.RootElement.GetProperty("annotations").EnumerateArray().ToDictionary(
                entry => entry.GetProperty("id").GetInt64(),
                entry => new CocoCaption(entry.GetProperty("image_id").GetInt64(), entry.GetProperty("caption").GetString() ?? ""));
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or ArgumentException)
        {
            throw new ApertureException($"'{path}' holds no captions of MS-COCO: {error.Message.ReplaceLineEndings(" ").TrimEnd('.')}; fetch it again.", error);
        }
    }
}
