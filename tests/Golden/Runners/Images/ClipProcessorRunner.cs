using System.Globalization;
using System.Text.Json;
using Aperture.Images;
using TorchSharp;
using Xunit.Sdk;

namespace Aperture.Golden.Tests.Images;

/// <summary>
/// The CLIP image processor and LLaVA's padding on files of every mode. An output's name is out.&lt;variant&gt;.&lt;file&gt;, or
/// out.photo&lt;i&gt;.&lt;variant&gt;.
/// </summary>
public sealed class ClipProcessorRunner : IGoldenRunner
{
    public string Area => "images";

    public string Kind => "clip_processor";

    public void Run(GoldenCase golden)
    {
        ClipImageProcessorConfig config = ClipImageProcessorConfig.Parse(golden.Config, golden.Name);
        foreach (string? name in golden.Names.Where(name => name.StartsWith("out.", StringComparison.Ordinal)))
        {
            Compare(golden, config, name);
        }

        // Where the official code fails, the image is processed all the same.
        bool refuses = golden.Meta.TryGetProperty("official_errors", out JsonElement errors);
        foreach (string refused in refuses ? errors.EnumerateObject().Select(error => error.Name).ToArray() : [])
        {
            (string variant, string file) = Parse(golden, refused);
            using torch.Tensor values = Processor(config, variant).Process(Load(golden, file));
            Assert.Equal([3, config.CropHeight, config.CropWidth], values.shape);
            using torch.Tensor finite = values.isfinite().all();
            Assert.True(finite.item<bool>());
        }
    }

    private static void Compare(GoldenCase golden, ClipImageProcessorConfig config, string name)
    {
        (string variant, string file) = Parse(golden, name);
        Image image = Load(golden, file);
        if (variant == "expand2square")
        {
            (byte red, byte green, byte blue) = new ClipImageProcessor(config).PaddingColour;
            using torch.Tensor padded = image.PadToSquare(red, green, blue).ToTensor();
            golden.CompareExact(name, padded);
            return;
        }

        // The crop of these variants is recorded nowhere but in the output's shape.
        long[] shape = golden.Get(name).shape;
        bool cropOnly = variant is "crop_only" or "crop_only_zero_padded";
        ClipImageProcessor processor = Processor(
            cropOnly ? config with { DoResize = false, CropHeight = (int)shape[1], CropWidth = (int)shape[2] } : config, variant);
        using torch.Tensor values = processor.Process(variant == "convert_rgb_first" ? image.ConvertToRgb() : image);
        golden.Compare(name, values);
    }

    private static ClipImageProcessor Processor(ClipImageProcessorConfig config, string variant) => variant switch
    {
        "plain" or "convert_rgb_first" or "crop_only" or "crop_only_zero_padded" => new ClipImageProcessor(config),
        "pad" => new ClipImageProcessor(config with { PadToSquare = true }),
        _ => throw new XunitException($"'{variant}' is not a known variant."),
    };

    private static (string Variant, string File) Parse(GoldenCase golden, string name)
    {
        string[] parts = name.Split('.', 3);
        return parts[1].StartsWith("photo", StringComparison.Ordinal) && int.TryParse(parts[1]["photo".Length..], CultureInfo.InvariantCulture, out int index)
            ? (parts[2], golden.Config.GetProperty("photos")[index].GetString()!)
            : (parts[1], parts[2]);
    }

    private static Image Load(GoldenCase golden, string file) => Image.Load(golden.FileBeside(Path.Combine("files", file)));
}
