using Aperture.Vision;

namespace Aperture.Plugins.LlavaHr.Tests;

/// <summary>What the encoder reports of its work at the sizes of the published models, in billions of multiply-accumulates.</summary>
public class PublishedFiguresTests
{
    private static readonly VisionTransformerConfig _clip = new()
    {
        HiddenSize = 1024,
        IntermediateSize = 4096,
        Layers = 24,
        Heads = 16,
        ImageSize = 336,
        PatchSize = 14,
        ClassToken = false,
    };

    [Theory]
    [InlineData(384, 576, 101, 445, 191, 1.5, 2.4)]
    [InlineData(768, 576, 404, 1782, 191, 1.5, 2.4)]
    [InlineData(1024, 1024, 718, 3167, 361, 2.7, 4.3)]
    [InlineData(1536, 2304, 1616, 7127, 958, 6, 9.7)]
    public void Towers_and_last_step_cost_what_their_formulas_say(
        int side, int tokens, double large, double extra, double clip, double align, double alignExtra)
    {
        HighResolution size = HighResolution.Of(side, 14, 336);
        Dictionary<string, double> l = Stages(size, ConvNextConfig.Large), x = Stages(size, ConvNextConfig.ExtraExtraLarge);

        Assert.Equal(tokens, size.Tokens);
        Near(large, l["high-resolution tower"]);
        Near(extra, x["high-resolution tower"]);
        Near(clip, l["low-resolution tower"]);
        Near(align, l["align"]);
        Near(alignExtra, x["align"]);
    }

    [Theory]
    [InlineData(768, 9, 24)]
    [InlineData(1024, 15.5, 42)]
    [InlineData(1536, 35, 95)]
    public void Adapters_cost_what_their_formula_says(int side, double large, double extra)
    {
        HighResolution size = HighResolution.Of(side, 14, 336);

        Near(large, Stages(size, ConvNextConfig.Large)["adapters"]);
        Near(extra, Stages(size, ConvNextConfig.ExtraExtraLarge)["adapters"]);
    }

    [Theory]
    [InlineData(1536, 6_085_121)]
    [InlineData(3072, 14_737_409)]
    public void An_adapter_has_as_many_parameters_as_published(int slowWidth, long parameters)
        => Assert.Equal(parameters, MrAdapter.Shapes(slowWidth, 1024).Sum(layer => layer.Shape.Aggregate(1L, (product, s) => product * s) + layer.Shape[0]));

    [Fact]
    public void A_picture_of_1024_pixels_gives_1024_tokens_where_one_tower_would_give_5329()
    {
        Assert.Equal(1024, HighResolution.Of(1024, 14, 336).Tokens);
        Assert.Equal(5329, (_clip with { Input = 1024 }).InputGrid.Count);
    }

    private static Dictionary<string, double> Stages(HighResolution size, ConvNextConfig slow)
        => HighResolutionMacs.Of(size, slow, _clip.HiddenSize, _clip.Macs(size.Grid), HighResolutionParts.AdapterCount)
            .ToDictionary(stage => stage.Name, stage => stage.Macs / 1e9);

    // Half a unit of the last digit that is written.
    private static void Near(double published, double actual)
        => Assert.InRange(actual, published - Unit(published), published + Unit(published));

    private static double Unit(double published) => published == Math.Floor(published) ? 0.5 : 0.05;
}
