using System.Text.Json;
using Aperture.Images;
using TorchSharp;

namespace Aperture.Abstractions.Tests.Images;

public sealed class ClipImageProcessorTests
{
    [Fact]
    public void Black_and_white_give_the_published_values()
    {
        ClipImageProcessor processor = new(new ClipImageProcessorConfig());

        using torch.Tensor black = processor.Process(Image.Filled(30, 20, 0, 0, 0));
        using torch.Tensor white = processor.Process(Image.Filled(30, 20, 255, 255, 255));

        Assert.Equal([3, 224, 224], black.shape);
        Assert.Equal([-1.7922626f, -1.7520971f, -1.4802198f], Corner(black));
        Assert.Equal([1.9303361f, 2.0748837f, 2.1458969f], Corner(white));
    }

    [Theory]
    [InlineData(500, 333)]
    [InlineData(333, 500)]
    [InlineData(20, 300)]
    [InlineData(224, 224)]
    [InlineData(1, 90)]
    public void Resizing_only_what_the_crop_keeps_gives_the_same_pixels(int width, int height)
    {
        Image image = PilResizeTests.Noise(ImageMode.RGB, width, height, seed: 4);
        int shorter = Math.Min(width, height);
        (int newWidth, int newHeight) = ((int)(56.0 * width / shorter), (int)(56.0 * height / shorter));

        Image prepared = new ClipImageProcessor(new ClipImageProcessorConfig { ShortestEdge = 56, CropHeight = 48, CropWidth = 48 }).Prepare(image);

        Image whole = image.Resize(newWidth, newHeight);
        Assert.Equal(whole.Crop((newWidth - 48) / 2, (newHeight - 48) / 2, 48, 48).Pixels, prepared.Pixels);
    }

    [Fact]
    public void A_crop_larger_than_the_image_pads_with_zeros_before_normalising()
    {
        ClipImageProcessorConfig config = new ClipImageProcessorConfig
        {
            DoResize = false,
            CropHeight = 4,
            CropWidth = 5,
            ImageMean = [0.5, 0.5, 0.5],
            ImageStd = [0.5, 0.5, 0.5],
        };

        using torch.Tensor values = new ClipImageProcessor(config).Process(Image.Filled(2, 1, 255, 255, 255));

        // the odd pixel of the margin goes to the left and to the top
        Assert.Equal([-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1, 1, -1, -1, -1, -1, -1, -1], values[0].data<float>().ToArray());
    }

    [Fact]
    public void Padding_centres_the_image_on_the_truncated_mean_colour()
    {
        ClipImageProcessor processor = new(new ClipImageProcessorConfig { PadToSquare = true, DoResize = false, DoCenterCrop = false });

        Image prepared = processor.Prepare(Image.Filled(1, 4, 9, 9, 9));

        Assert.Equal(((byte)122, (byte)116, (byte)104), processor.PaddingColour);
        Assert.Equal([122, 116, 104, 9, 9, 9, 122, 116, 104, 122, 116, 104], prepared.Pixels[..12].ToArray());
    }

    [Fact]
    public void A_published_configuration_file_is_read()
    {
        const string File = """
            { "crop_size": { "height": 336, "width": 336 }, "do_center_crop": true, "do_convert_rgb": true, "do_normalize": true, "do_resize": true,
              "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
              "image_processor_type": "CLIPImageProcessor", "resample": 3, "rescale_factor": 0.00392156862745098, "size": { "shortest_edge": 336 } }
            """;

        ClipImageProcessorConfig config = Parse(File);

        Assert.Equal((336, 336, 336, ResampleFilter.Bicubic), (config.ShortestEdge, config.CropHeight, config.CropWidth, config.Resample));
    }

    [Fact]
    public void Omitted_fields_take_the_defaults_of_the_named_processor()
    {
        ClipImageProcessorConfig clip = Parse("{}");
        ClipImageProcessorConfig siglip = Parse("""{ "image_processor_type": "SiglipImageProcessor", "size": { "height": 384, "width": 384 } }""");

        Assert.Equal((224, 224, true), (clip.ShortestEdge, clip.CropHeight, clip.DoCenterCrop));
        Assert.Equal((null, 384, 384, false), (siglip.ShortestEdge, siglip.Height, siglip.Width, siglip.DoCenterCrop));
        Assert.Equal([0.5, 0.5, 0.5], siglip.ImageMean);
        Assert.Equal(28, Parse("""{ "size": 28 }""").ShortestEdge);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("""{ "size": "large" }""")]
    [InlineData("""{ "size": { "shortest_edge": 0 } }""")]
    [InlineData("""{ "size": 1e9 }""")]
    [InlineData("""{ "crop_size": { "shortest_edge": 5 } }""")]
    [InlineData("""{ "resample": 9 }""")]
    [InlineData("""{ "do_resize": 1 }""")]
    [InlineData("""{ "image_mean": [0.5] }""")]
    [InlineData("""{ "image_std": [1, "a", 1] }""")]
    public void An_unusable_field_gives_one_line(string json)
    {
        ApertureException error = Assert.Throws<ApertureException>(() => Parse(json));

        Assert.Contains("settings.json", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_deviation_of_zero_and_a_missing_file_are_refused()
    {
        Assert.Throws<ApertureException>(() => new ClipImageProcessor(new ClipImageProcessorConfig { ImageStd = [1, 0, 1] }));
        Assert.Throws<ApertureException>(() => ClipImageProcessorConfig.Load("/nowhere/preprocessor_config.json"));
    }

    [Fact]
    public void An_extremely_long_image_is_cropped_without_making_its_resized_form()
    {
        Image image = new(ImageMode.L, 1, 2_000_000, new byte[2_000_000]);
        long before = GC.GetAllocatedBytesForCurrentThread();

        using torch.Tensor values = new ClipImageProcessor(new ClipImageProcessorConfig()).Process(image);

        Assert.Equal([3, 224, 224], values.shape);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 20);
        Assert.Throws<ApertureException>(() => image.PadToSquare(0, 0, 0));
    }

    private static float[] Corner(torch.Tensor values)
    {
        using torch.Tensor corner = values[.., 0, 0];
        return corner.data<float>().ToArray();
    }

    private static ClipImageProcessorConfig Parse(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return ClipImageProcessorConfig.Parse(document.RootElement, "settings.json");
    }
}
