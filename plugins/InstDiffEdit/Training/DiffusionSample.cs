using System.Text.Json;
using Aperture.Images;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit.Training;

/// <summary>A box of a picture, in pixels, and sentences that say what stands there.</summary>
/// <param name="Left">First column.</param>
/// <param name="Top">First row.</param>
/// <param name="Right">The column behind the last.</param>
/// <param name="Bottom">The row behind the last.</param>
/// <param name="Sentences">The sentences, at least one.</param>
internal sealed record DiffusionRegion(double Left, double Top, double Right, double Bottom, IReadOnlyList<string> Sentences);

/// <summary>A sample of a training: a picture, sentences about it, and boxes of it that inpainting may erase.</summary>
/// <param name="Picture">Full path of the picture.</param>
/// <param name="Sentences">The sentences, at least one; may be empty ones.</param>
/// <param name="Regions">The boxes; may be none.</param>
internal sealed record DiffusionSample(string Picture, IReadOnlyList<string> Sentences, IReadOnlyList<DiffusionRegion> Regions)
{
    /// <summary>
    /// Reads samples: each has a picture, <c>text</c> or a list <c>captions</c>, and may have <c>regions</c>, each with <c>box</c> and <c>texts</c>.
    /// </summary>
    /// <exception cref="ApertureException">A sample has no picture, or one of these is of another form.</exception>
    public static IReadOnlyList<DiffusionSample> Read(IReadOnlyList<TaskSample> samples) => [.. samples.Select((sample, index) => Read(sample, index + 1))];

    /// <summary>The picture in a model's size: float32 <c>[1, 3, side, side]</c> from -1 to 1; the caller disposes it.</summary>
    public Tensor Pixels(int side)
    {
        using DisposeScope scope = NewDisposeScope();
        Image image = Image.Load(Picture).ConvertToRgb();
        image = (image.Width, image.Height) == (side, side) ? image : image.Resize(side, side);
        return PictureTensors.Unit(image).mul(2).sub(1).MoveToOuterDisposeScope();
    }

    private static DiffusionSample Read(TaskSample sample, int number)
    {
        if (sample.Pictures.Count != 1)
        {
            throw Wrong(number, $"has {sample.Pictures.Count} pictures instead of one");
        }

        string[] captions = sample.Fields.TryGetValue("captions", out JsonElement list) ? Texts(list, number, "captions") : [sample.Text];
        DiffusionRegion[] regions = !sample.Fields.TryGetValue("regions", out JsonElement boxes) ? []
            : boxes.ValueKind == JsonValueKind.Array ? [.. boxes.EnumerateArray().Select(region => Region(region, number))]
            : throw Wrong(number, "has regions that are no list");
        return new DiffusionSample(sample.Pictures[0], captions, regions);
    }

    private static DiffusionRegion Region(JsonElement region, int number)
    {
        if (region.ValueKind != JsonValueKind.Object || !region.TryGetProperty("box", out JsonElement box) || box.ValueKind != JsonValueKind.Array
            || box.GetArrayLength() != 4 || box.EnumerateArray().Any(side => side.ValueKind != JsonValueKind.Number)
            || !region.TryGetProperty("texts", out JsonElement texts))
        {
            throw Wrong(number, "has a region without box and texts");
        }

        double[] sides = [.. box.EnumerateArray().Select(side => side.GetDouble())];
        return sides[0] < sides[2] && sides[1] < sides[3]
            ? new DiffusionRegion(sides[0], sides[1], sides[2], sides[3], Texts(texts, number, "texts"))
            : throw Wrong(number, $"has the box [{string.Join(", ", sides)}], which is empty");
    }

    private static string[] Texts(JsonElement list, int number, string name)
        => list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0 && list.EnumerateArray().All(text => text.ValueKind == JsonValueKind.String)
            ? [.. list.EnumerateArray().Select(text => text.GetString()!)]
            : throw Wrong(number, $"has {name} that are no list of sentences");

    private static ApertureException Wrong(int number, string what)
        => new(
            $"{EditorFactory.EditorName}: sample {number} {what}; a line is such as {{\"image\": \"a.png\", \"captions\": [\"a red bag\"], \"regions\": "
            + "[{\"box\": [0, 0, 32, 32], \"texts\": [\"a red bag\"]}]}.");
}
