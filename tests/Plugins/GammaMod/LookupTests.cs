using Aperture.Measuring;
using Aperture.Pipelines;

namespace Aperture.Plugins.GammaMod.Tests;

/// <summary>Where routers and layers come from, and what is said if they do not fit.</summary>
public sealed class LookupTests : IDisposable
{
    private static readonly Dictionary<int, double> _shared = new() { [1] = 0.5, [3] = 0.5, [4] = 0.5 };
    private readonly TestFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void Layers_are_those_that_have_routers_where_nothing_else_is_said()
    {
        _files.Open(_files.Routers("model.safetensors", _shared));

        using GammaModRouter router = _files.Create("{}");

        Assert.Equal([1, 3, 4], router.Layers);
    }

    [Fact]
    public void The_configuration_names_layers_beyond_the_copies_that_are_there()
    {
        _files.Open(_files.Routers("model.safetensors", _shared));
        _files.Config("""{ "model_type": "mod_llava_llama", "mod": { "mod_layers_idx": [5, 2, 3], "capacity_factor": 0.5 } }""");

        using GammaModRouter router = _files.Create("{}");

        Assert.Equal([2, 3, 5], router.Layers);
    }

    [Theory]
    [InlineData("""{ "Layers": [4, 0] }""", new[] { 0, 4 })]
    [InlineData("""{ "Layers": "sparse" }""", new[] { 0, 2, 4 })]
    [InlineData("""{ "layers": "ARANK_MOD" }""", new[] { 3, 4 })]
    public void Options_name_layers(string options, int[] layers)
    {
        _files.Routers(RouterLookup.File, _shared);

        using GammaModRouter router = _files.Create(options);

        Assert.Equal(layers, router.Layers);
    }

    [Fact]
    public void A_named_file_goes_before_the_checkpoints_routers()
    {
        _files.Open(_files.Routers("model.safetensors", _shared));
        _files.Routers("other.safetensors", new Dictionary<int, double> { [2] = 1 });

        using GammaModRouter router = _files.Create("""{ "Weights": "other.safetensors" }""");

        Assert.Equal([2], router.Layers);
    }

    [Fact]
    public void Routers_that_differ_serve_their_own_layers_only()
    {
        _files.Open(_files.Routers("model.safetensors", new Dictionary<int, double> { [1] = 0.5, [3] = 0.75 }));

        using GammaModRouter own = _files.Create("{}");

        Assert.Equal([1, 3], own.Layers);
        Refuse("""{ "Layers": [1, 2] }""", "layer 2 has no router");
    }

    [Fact]
    public void Routers_for_another_width_are_refused()
    {
        _files.Open(_files.Routers("model.safetensors", _shared, width: 12));

        Refuse("{}", "model.layers.1.router.weight has shape [2, 12], but small needs [2, 8]");
    }

    [Fact]
    public void Routers_of_a_deeper_model_are_refused()
    {
        _files.Open(_files.Routers("model.safetensors", new Dictionary<int, double> { [7] = 1 }));

        Refuse("{}", "names layer 7, but small has layers 0 to 5");
    }

    [Theory]
    [InlineData("""{ "mod": { "mod_layers_idx": [9] } }""", "mod.mod_layers_idx of config.json names layer 9, but small has layers 0 to 5")]
    [InlineData("""{ "mod": { "mod_layers_idx": "x" } }""", "must be a list of layers")]
    [InlineData("""{ "mod": """, "is not valid JSON")]
    [InlineData("""[]""", "must hold a JSON object")]
    public void A_damaged_configuration_is_refused(string config, string message)
    {
        _files.Open(_files.Routers("model.safetensors", _shared));
        _files.Config(config);

        Refuse("{}", message);
    }

    [Fact]
    public void A_model_without_routers_is_refused() => Refuse("{}", "small has no routers (model.layers.N.router.weight)");

    [Fact]
    public void A_file_without_routers_is_refused()
    {
        using TorchSharp.torch.Tensor gate = TorchSharp.torch.ones(2);
        Weights.SafetensorsWriter.Save(
            Path.Combine(_files.Folder, "gates.safetensors"), new Dictionary<string, TorchSharp.torch.Tensor> { ["gate.weight"] = gate });

        Refuse("""{ "Weights": "gates.safetensors" }""", "holds no router");
    }

    [Theory]
    [InlineData("""{ "Layers": [6] }""", "Layers names layer 6, but small has layers 0 to 5")]
    [InlineData("""{ "Layers": [1, 1] }""", "names layer 1 twice")]
    [InlineData("""{ "Layers": [] }""", "names no layer")]
    [InlineData("""{ "Layers": [1.5] }""", "entries are whole numbers")]
    [InlineData("""{ "Layers": "all" }""", "there is no mode 'all'")]
    [InlineData("""{ "Layers": "first_five_dense" }""", "leaves no layer of 6")]
    [InlineData("""{ "Layers": 3 }""", "must be a list of layers or a mode")]
    [InlineData("""{ "PrefillThreshold": 1 }""", "PrefillThreshold is 1")]
    [InlineData("""{ "DecodeThreshold": -0.1 }""", "DecodeThreshold is -0.1")]
    [InlineData("""{ "TopKRatio": 0 }""", "TopKRatio is 0")]
    [InlineData("""{ "TopKRatio": 0.5, "PrefillThreshold": 0.5 }""", "give one of them")]
    [InlineData("""{ "PositionPolicy": "relative" }""", "it can be Compact, AbsoluteGlobal")]
    [InlineData("""{ "ForceTokens": "first" }""", "it can be none, last, question")]
    [InlineData("""{ "Threshold": 0.5 }""", "unknown option 'Threshold'")]
    public void Wrong_options_are_refused_in_one_line(string options, string message)
    {
        _files.Routers(RouterLookup.File, _shared);

        Refuse(options, message);
    }

    [Fact]
    public void Generated_tokens_never_skip_in_the_Mini_Gemini_variant_unless_asked()
    {
        GammaModOptions options = new();

        Assert.Equal(0.5, RoutingRules.Of(options, miniGemini: false).DecodeThreshold);
        Assert.Equal(0, RoutingRules.Of(options, miniGemini: true).DecodeThreshold);
        Assert.Equal(0.3, RoutingRules.Of(options with { DecodeThreshold = 0.3 }, miniGemini: true).DecodeThreshold);
    }

    private void Refuse(string options, string message)
    {
        ApertureException error = Assert.Throws<ApertureException>(() => _files.Create(options));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }
}
