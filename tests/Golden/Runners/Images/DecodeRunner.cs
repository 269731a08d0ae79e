using System.Text.Json;
using Aperture.Images;
using Aperture.Pipelines;
using Xunit.Sdk;

namespace Aperture.Golden.Tests.Images;

/// <summary>Opens every recorded file; the json form of a case holds hashes and verdicts, the safetensors form the pixels themselves.</summary>
public sealed class DecodeRunner : IGoldenRunner
{
    private const string Animation = "gif_animated.gif"; // the file whose frames the cases of this kind record

    public string Area => "images";

    public string Kind => "decode";

    public void Run(GoldenCase golden)
    {
        List<string> failures = new();
        if (golden.Meta.TryGetProperty("files", out JsonElement files))
        {
            foreach (JsonProperty file in files.EnumerateObject())
            {
                Try(failures, file.Name, () => CheckFile(golden, file.Name, file.Value));
            }
        }

        foreach (string? tensor in golden.Names.Where(name => name.StartsWith("out.", StringComparison.Ordinal)))
        {
            Try(failures, tensor, () => CheckTensor(golden, tensor));
        }

        Assert.True(failures.Count == 0, string.Join('\n', failures));
    }

    private static void Try(List<string> failures, string file, Action check)
    {
        try
        {
            check();
        }
        catch (Exception fault) when (fault is XunitException or ApertureException)
        {
            failures.Add($"{file}: {fault.Message.ReplaceLineEndings(" ")}");
        }
    }

    private static void CheckTensor(GoldenCase golden, string tensor)
    {
        string[] parts = tensor.Split('.', 3);
        if (parts[1] == "gif_frame" && parts[2] != "0")
        {
            golden.NotCompared(tensor, "of an animation only the first frame is read");
            return;
        }

        Image image = Image.Load(golden.FileBeside(Path.Combine("files", parts[1] == "gif_frame" ? Animation : parts[2])));
        using TorchSharp.torch.Tensor actual = (parts[1] == "rgba" ? image.ConvertToRgba() : image.ConvertToRgb()).ToTensor();
        golden.CompareExact(tensor, actual);
    }

    private static void CheckFile(GoldenCase golden, string name, JsonElement recorded)
    {
        string path = golden.FileBeside(Path.Combine("files", name));
        string format = recorded.TryGetProperty("format", out JsonElement text) ? text.GetString()! : "";
        if (recorded.TryGetProperty("error", out _))
        {
            ApertureException error = Assert.Throws<ApertureException>(() => Image.Load(path));
            Assert.Contains(name, error.Message);
            Assert.DoesNotContain('\n', error.Message);
            return;
        }

        Image image = Image.Load(path);
        Assert.Equal([image.Width, image.Height], RecordedPixels.Integers(recorded.GetProperty("size")));
        RecordedPixels.Check("rgb", recorded.GetProperty("rgb"), image.ConvertToRgb());
        RecordedPixels.Check("l", recorded.GetProperty("l"), image.ConvertToL());
        if (recorded.TryGetProperty("rgba", out JsonElement rgba))
        {
            RecordedPixels.Check("rgba", rgba, image.ConvertToRgba());
        }

        Assert.Equal(recorded.TryGetProperty("exif_orientation", out JsonElement orientation) ? orientation.GetInt32() : 1, (int)image.Orientation);
        if (recorded.TryGetProperty("rgb_after_exif_transpose", out JsonElement turned))
        {
            RecordedPixels.Check("turned upright", turned, image.ConvertToRgb().ApplyOrientation());
            RecordedPixels.Check("turned upright, then RGB", turned, image.ApplyOrientation().ConvertToRgb());
        }

        CheckMode(image, recorded, format);
    }

    private static void CheckMode(Image image, JsonElement recorded, string format)
    {
        string mode = recorded.GetProperty("mode").GetString()!;
        if (format == "BMP" || mode == "CMYK")
        {
            Assert.Equal(ImageMode.RGB, image.Mode); // kept as the colours they stand for
            return;
        }

        Assert.Equal(mode switch { "1" => ImageMode.Bilevel, "I;16" => ImageMode.I, _ => Enum.Parse<ImageMode>(mode) }, image.Mode);
        Assert.Equal(recorded.GetProperty("native").GetProperty("sum").GetInt64(), RecordedPixels.Sum(image));
    }
}
