using System.Text.Json;
using Aperture.Images;

namespace Aperture.Golden.Tests.Images;

/// <summary>
/// Resizes pictures to the sizes that models use and compares hashes. A row is input, filter, [width, height], SHA-256, sum, pixel at [height / 3, width / 2].
/// </summary>
public sealed class ResizeChecksumsRunner : IGoldenRunner
{
    public string Area => "images";

    public string Kind => "resize_checksums";

    public void Run(GoldenCase golden)
    {
        Dictionary<string, Image> inputs = golden.Meta.GetProperty("inputs")
            .EnumerateObject()
            .ToDictionary(input => input.Name, input => Image.Load(golden.FileBeside(input.Value.GetString()!)).ConvertToRgb());
        List<string> failures = new();
        foreach (JsonElement row in golden.Meta.GetProperty("rows").EnumerateArray())
        {
            (string input, string filter, int[] size) = (row[0].GetString()!, row[1].GetString()!, RecordedPixels.Integers(row[2]));
            Image image = PilResize.Resize(inputs[input], size[0], size[1], Enum.Parse<ResampleFilter>(filter, ignoreCase: true));
            int[] pixel = RecordedPixels.Pixel(image, size[0] / 2, size[1] / 3);
            if (image.Width != size[0]
                || image.Height != size[1]
                || RecordedPixels.Sha256(image) != row[3].GetString()
                || RecordedPixels.Sum(image) != row[4].GetInt64()
                || !pixel.SequenceEqual(RecordedPixels.Integers(row[5])))
            {
                failures.Add(
                    $"{input} {filter} {size[0]}x{size[1]}: sum {RecordedPixels.Sum(image)} and pixel [{string.Join(", ", pixel)}], recorded "
                    + $"{row[4].GetRawText()} and {row[5].GetRawText()}");
            }
        }

        Assert.NotEmpty(inputs);
        Assert.True(failures.Count == 0, string.Join('\n', failures));
    }
}
