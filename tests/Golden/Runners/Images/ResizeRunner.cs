using System.Globalization;
using Aperture.Images;
using Aperture.Pipelines;
using TorchSharp;
using Xunit.Sdk;

namespace Aperture.Golden.Tests.Images;

/// <summary>Resizes the recorded inputs as the outputs' names say. What those names leave open is fixed for the kind and written here.</summary>
public sealed class ResizeRunner : IGoldenRunner
{
    public string Area => "images";

    public string Kind => "resize";

    public void Run(GoldenCase golden)
    {
        List<string> failures = new();
        foreach (string? name in golden.Names.Where(name => name.StartsWith("out.", StringComparison.Ordinal)))
        {
            try
            {
                Image image = Compute(golden, name);
                using torch.Tensor pixels = image.ToTensor();
                using torch.Tensor actual = image.Mode == ImageMode.Bilevel ? pixels / 255 : pixels.alias();
                golden.CompareExact(name, actual);
            }
            catch (XunitException fault)
            {
                failures.Add(fault.Message);
            }
        }

        Assert.True(failures.Count == 0, string.Join('\n', failures));
    }

    private static Image Compute(GoldenCase golden, string name)
    {
        // out.<what>[.<filter>.<width>x<height>]; <what> may itself hold a dot (reducing_gap_2.0) or be left out
        string[] parts = name.Split('.')[1..];
        string[] dimensions = parts[^1].Split('x');
        if (parts.Length < 2 || dimensions.Length != 2 || !int.TryParse(dimensions[0], out int width) || !int.TryParse(dimensions[1], out int height))
        {
            return Special(golden, name, parts[0]);
        }

        ResampleFilter filter = parts[^2] == "default" ? ResampleFilter.Bicubic : Enum.Parse<ResampleFilter>(parts[^2], ignoreCase: true);
        string what = string.Join('.', parts[..^2]);
        if (what.StartsWith("mode_", StringComparison.Ordinal))
        {
            return PilResize.Resize(Input(golden, $"in.{what}"), width, height, filter);
        }

        if (what.StartsWith("reducing_gap_", StringComparison.Ordinal))
        {
            return PilResize.Resize(
                Input(golden, "in.rgb"), width, height, filter, reducingGap: double.Parse(what["reducing_gap_".Length..], CultureInfo.InvariantCulture));
        }

        if (what.StartsWith("box", StringComparison.Ordinal))
        {
            double[] edges = golden.Config.GetProperty("box")[int.Parse(what["box".Length..], CultureInfo.InvariantCulture)].EnumerateArray()
                .Select(edge => edge.GetDouble())
                .ToArray();
            return PilResize.Resize(Input(golden, "in.rgb"), width, height, filter, new ImageBox(edges[0], edges[1], edges[2], edges[3]));
        }

        Assert.Empty(what);
        return PilResize.Resize(Input(golden, "in.rgb"), width, height, filter);
    }

    private static Image Special(GoldenCase golden, string name, string what)
    {
        Image image = Input(golden, "in.rgb");
        long[] shape = golden.Get(name).shape;
        int[] numbers = what.Split('_')[^1].Split('x').Select(text => int.TryParse(text, out int number) ? number : 0).ToArray();
        return what switch
        {
            "crop_outside" => image.Crop(-4, -3, (int)shape[1], (int)shape[0]),
            "paste" => Image.Filled((int)shape[1], (int)shape[0], 122, 116, 104).Paste(image, 3, 4),
            _ when what.StartsWith("reduce_", StringComparison.Ordinal) => PilResize.Reduce(image, numbers[0], numbers[^1]),
            _ when what.StartsWith("thumbnail_", StringComparison.Ordinal) => PilResize.Thumbnail(image, numbers[0], numbers[^1]),
            _ => throw new XunitException($"{golden.Area}/{golden.Name}: {name} is not a known operation."),
        };
    }

    private static Image Input(GoldenCase golden, string name)
    {
        torch.Tensor tensor = golden.Get(name);
        (int height, int width) = ((int)tensor.shape[0], (int)tensor.shape[1]);
        string mode = name[(name.LastIndexOfAny(['.', '_']) + 1)..].ToUpperInvariant();
        switch (mode)
        {
            case "I":
                return Image.FromPixels(Array.ConvertAll(tensor.data<long>().ToArray(), value => checked((int)value)), width, height);
            case "F":
                return Image.FromPixels(tensor.data<float>().ToArray(), width, height);
            default:
                return Image.FromPixels(mode == "1" ? ImageMode.Bilevel : Enum.Parse<ImageMode>(mode), tensor.data<byte>().ToArray(), width, height);
        }
    }
}
