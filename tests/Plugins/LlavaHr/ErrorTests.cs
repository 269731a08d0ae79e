using System.Text.Json.Nodes;
using Aperture.Hub;
using Aperture.Models;
using Aperture.Plugins;

namespace Aperture.Plugins.LlavaHr.Tests;

/// <summary>What is wrong with a folder, an option or a picture is one line.</summary>
public sealed class ErrorTests : IDisposable
{
    private readonly TinyHr _tiny = new();

    public void Dispose() => _tiny.Dispose();

    [Theory]
    [InlineData("InputImageSize=160", "pictures of 160 pixels (input_image_size) give grids of 5 and 6 places a side")]
    [InlineData("InputImageSize=100", "no multiple of 32; use 32, 64, 96, 192")]
    [InlineData("MinFastSize=340", "MinFastSize is 340; it must be a multiple of 14")]
    [InlineData("GateOverride=2", "GateOverride is 2; it can be -1 to 1")]
    [InlineData("SlowVariant=Small", "SlowVariant is Small; it can be")]
    [InlineData("ConvNextEps=0", "ConvNextEps is 0; it must be above 0")]
    [InlineData("Size=3", "unknown option 'Size'; it has InputImageSize, MinFastSize")]
    public void An_option_out_of_range(string options, string message) => Refused(_tiny.Folder, message, options);

    [Fact]
    public void Missing_high_resolution_weights()
    {
        string folder = _tiny.Write("none", _ => { }, name => !name.Contains("align_stages", StringComparison.Ordinal)
            && !name.Contains("slow_vision_tower", StringComparison.Ordinal));

        Refused(folder, "the checkpoint has no high-resolution weights (model.vision_tower.align_stages.*");
    }

    [Fact]
    public void A_missing_high_resolution_tower_is_named_with_what_to_fetch()
    {
        string folder = _tiny.Write("noslow", _ => { }, name => !name.Contains("slow_vision_tower", StringComparison.Ordinal));

        Refused(folder, "aperture pull timm/convnext_large_mlp.clip_laion2b_soup_ft_in12k_in1k_320");
    }

    [Fact]
    public void Missing_adapters()
    {
        string folder = _tiny.Write("noadapters", _ => { }, name => !name.Contains("align_stages_latent.2", StringComparison.Ordinal));

        Refused(folder, "the checkpoint has 2 adapters (model.vision_tower.align_stages_latent.0.*) where 3 belong");
    }

    [Fact]
    public void A_tower_whose_blocks_are_no_multiple_of_four()
    {
        string folder = _tiny.Write("six", _ => { }, _ => true, blocks: 6);

        Refused(folder, "the low-resolution tower has 6 blocks");
    }

    [Fact]
    public void An_aspect_that_belongs_to_other_models()
    {
        string folder = _tiny.Write("anyres", config => config["image_aspect_ratio"] = "exr", _ => true);

        Refused(folder, "image_aspect_ratio 'exr' is not");
    }

    [Fact]
    public void Options_for_a_model_without_such_an_encoder()
        => Refused(
            Path.Combine(TinyHr.Repository, "scripts", "models", "tiny-llava"), "has no vision encoder that takes options, but 'GateOverride=0' is set",
            "GateOverride=0");

    [Fact]
    public async Task A_plugin_that_is_off_is_named()
    {
        PluginCatalog all = PluginCatalog.Read();
        PluginCatalog without = new(all.Entries.Select(entry => entry with { Enabled = entry.Id != "llava-hr" }), all.Source);
        await using PluginHost plugins = new(without);

        ApertureException error = Assert.Throws<ApertureException>(
            () => new ModelOpener(plugins, new HubCache(HubSettings.FromEnvironment())).Open(
                _tiny.Folder, new ModelOptions { Type = "float32", Threads = 1 }, CancellationToken.None));

        Assert.Contains("needs the vision encoder 'llava-hr', which no enabled plugin offers", error.Message, StringComparison.Ordinal);
        Assert.Contains("plugin 'llava-hr' is off; set its enabled to true in", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("\n", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void One_tower_stays_one_tower()
    {
        string folder = _tiny.Write(
            "one",
            config =>
            {
                config["is_multipath_encoder"] = false;
                config["mm_vision_tower"] = "convnext_large_mlp.clip_laion2b_ft_320";
                config["mm_hidden_size"] = 12;
            },
            _ => true);
        using (Weights.IWeightSource source = Weights.WeightFiles.Open(folder))
        using (TorchSharp.torch.Tensor narrow = TorchSharp.torch.ones(32, 12))
        {
            Weights.SafetensorsWriter.Save(
                Path.Combine(folder, "model.safetensors"),
                source.Names.Where(name => !name.Contains("fast_vision", StringComparison.Ordinal) && !name.Contains("align", StringComparison.Ordinal))
                    .ToDictionary(
                    name => name.Replace("slow_vision_tower.", "", StringComparison.Ordinal),
                    name => name == "model.mm_projector.0.weight" ? narrow : source.Load(name)));
        }

        using OpenedModel opened = new(folder);

        Assert.IsType<Vision.ConvNextEncoder>(opened.Model.Encoder);
        Assert.Equal(9, opened.Model.Decoder.Info.VisualTokens);
        Assert.Equal(["model.layers.1.router.weight", "model.layers.2.router.weight"], opened.Model.Unclaimed);
    }

    private static void Refused(string folder, string message, string? encoder = null)
    {
        ApertureException error = Assert.Throws<ApertureException>(
            () => new OpenedModel(folder, new ModelOptions { Type = "float32", Threads = 1, Encoder = encoder }).Dispose());
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("\n", error.Message, StringComparison.Ordinal);
    }
}
