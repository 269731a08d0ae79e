using System.Text.Json;
using Aperture.Images;
using Aperture.Plugins.LlavaHr;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.LlavaHr;

/// <summary>Pictures as the high-resolution tower's processor makes them, padded and cropped, to the byte.</summary>
public sealed class ImageProcessorRunner : IGoldenRunner
{
    public string Area => "llava-hr";

    public string Kind => "image_processor";

    public void Run(GoldenCase golden)
    {
        foreach (JsonProperty recorded in golden.Config.GetProperty("images").EnumerateObject())
        {
            int side = recorded.Value.GetProperty("size").GetInt32();
            Tensor stored = golden.Get($"in.{recorded.Name}.image"); // [height, width, 3]
            Image image = Image.FromRgb(stored.data<byte>().ToArray(), (int)stored.size(1), (int)stored.size(0));
            foreach ((string name, ImageAspect aspect) in new[] { ("pad", ImageAspect.Pad), ("crop", ImageAspect.Crop) })
            {
                ClipImageProcessor processor = HighResolutionEncoder.ProcessorOf(aspect, side);
                Assert.Equal(Doubles(golden, "image_mean"), processor.Config.ImageMean);
                Assert.Equal(Doubles(golden, "image_std"), processor.Config.ImageStd);
                (byte red, byte green, byte blue) = processor.PaddingColour;
                Assert.Equal(Doubles(golden, "pad_color"), new double[] { red, green, blue });
                string prefix = $"out.{recorded.Name}.{name}_";
                Compare(golden, prefix + "u8", () => processor.Prepare(image).ToTensor().permute(2, 0, 1)); // [S, S, 3] -> [3, S, S]
                Compare(golden, prefix + "pixel_values", () => processor.Process(image));
            }
        }
    }

    private static void Compare(GoldenCase golden, string name, Func<Tensor> compute)
    {
        if (golden.Has(name))
        {
            using TorchSharp.DisposeScope scope = NewDisposeScope();
            golden.Compare(name, compute());
        }
    }

    private static double[] Doubles(GoldenCase golden, string name) => [.. golden.Config.GetProperty(name).EnumerateArray().Select(value => value.GetDouble())];
}
