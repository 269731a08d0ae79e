using System.Text.Json;
using Aperture.Images;
using TorchSharp;
using Xunit.Sdk;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Images;

/// <summary>
/// The SigLIP processor on files of every mode, and FlashSloth's, which is the same with and without padding in front. An output's name is
/// out.&lt;variant&gt;.&lt;file&gt;.
/// </summary>
public sealed class SiglipProcessorRunner : IGoldenRunner
{
    public string Area => "images";

    public string Kind => "siglip_processor";

    public void Run(GoldenCase golden)
    {
        JsonElement config = golden.Config;
        int size = config.GetProperty("size").GetInt32();
        ClipImageProcessorConfig squash = Squash(
            size, Colour(config.GetProperty("mean")), Colour(config.GetProperty("std")),
            Enum.Parse<ResampleFilter>(config.GetProperty("resample").GetString()!, ignoreCase: true));
        foreach (string name in golden.Names.Where(name => name.StartsWith("out.", StringComparison.Ordinal)))
        {
            using Tensor pixels = Process(golden, squash, name);
            golden.Compare(name, pixels);
        }

        // Where the official code fails, the image is processed all the same.
        foreach (JsonProperty refused in golden.Meta.TryGetProperty("official_errors", out JsonElement errors) ? errors.EnumerateObject() : default)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor pixels = Process(golden, squash, refused.Name);
            Assert.Equal([3, size, size], pixels.shape);
            Assert.True(pixels.isfinite().all().item<bool>());
        }
    }

    /// <summary>A processor that squashes pictures to a square.</summary>
    public static ClipImageProcessorConfig Squash(int size, double[] mean, double[] deviation, ResampleFilter filter = ResampleFilter.Bicubic) => new()
    {
        ShortestEdge = null,
        Height = size,
        Width = size,
        DoCenterCrop = false,
        Resample = filter,
        ImageMean = mean,
        ImageStd = deviation,
    };

    private static Tensor Process(GoldenCase golden, ClipImageProcessorConfig squash, string name)
    {
        string[] parts = name.Split('.', 3);
        bool pad = parts[1] switch
        {
            "siglip" or "flashsloth" => false,
            "flashsloth_pad" => true,
            _ => throw new XunitException($"'{parts[1]}' is not a known variant."),
        };
        return new ClipImageProcessor(squash with { PadToSquare = pad }).Process(Image.Load(golden.FileBeside(Path.Combine("files", parts[2]))));
    }

    private static double[] Colour(JsonElement values) => [.. values.EnumerateArray().Select(value => value.GetDouble())];
}
