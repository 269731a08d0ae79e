using System.Text.Json;
using Aperture.Pipelines;
using Aperture.Sequences;
using Aperture.Vision;

namespace Aperture.Plugins.Llava.Tests;

/// <summary>The input size of a configuration.</summary>
public sealed class LlavaConfigTests
{
    private static readonly VisionTransformerConfig _tower = new()
    {
        HiddenSize = 8,
        IntermediateSize = 16,
        Layers = 2,
        Heads = 2,
        ImageSize = 12,
        PatchSize = 4,
    };

    [Theory]
    [InlineData("false", 98, 7)]
    [InlineData("true", null, 4)] // the composite encoder makes its own copy of the picture
    public void An_input_size_in_the_configuration_changes_grid_and_resampling(string multipath, int? expected, int side)
    {
        LlavaConfig config = Parse($$"""{ "mm_vision_tower": "clip", "input_image_size": 98, "is_multipath_encoder": {{multipath}} }""");
        VisionTransformerConfig tower = _tower with { ImageSize = 56, PatchSize = 14 };

        VisionTransformerConfig used = config.ForInput(tower);

        Assert.Equal(expected, config.InputImageSize);
        Assert.Equal(new VisualGrid(side, side), used.InputGrid);
        Assert.Equal(expected is null ? PositionResampling.Bicubic : PositionResampling.BicubicAntialiased, used.Resampling);
    }

    [Fact]
    public void An_input_smaller_than_a_patch_is_refused()
    {
        LlavaConfig config = Parse("""{ "mm_vision_tower": "clip", "input_image_size": 3 }""");

        ApertureException error = Assert.Throws<ApertureException>(() => config.ForInput(_tower));

        Assert.Equal("input_image_size: an input size of 3 holds no patch of 4 pixels.", error.Message);
    }

    private static LlavaConfig Parse(string text)
    {
        using JsonDocument json = JsonDocument.Parse(text);
        return LlavaConfig.Parse(json.RootElement, "config.json");
    }
}
