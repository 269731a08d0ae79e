using Aperture.Decoding;
using Aperture.Pipelines;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Tests;

/// <summary>Options, files and what is refused.</summary>
public sealed class FactoryTests : IDisposable
{
    private readonly AdapterModel _model = new();
    private readonly TestFiles _files = new();

    public void Dispose()
    {
        _model.Dispose();
        _files.Dispose();
    }

    [Fact]
    public void Adapters_beside_the_model_say_which_layers_are_skipped()
    {
        WriteTrained("eas/adapters.safetensors", 1, 3);

        using EasRouter router = Create("{}");

        Assert.Equal([1, 3], router.Skipped.Order());
    }

    [Fact]
    public void A_named_file_and_a_list_come_first()
    {
        using (EasAdapters all = _model.Adapters(random: true))
        {
            _files.Write("all.safetensors", all);
        }

        using EasRouter router = Create("""{ "adapters": "all.safetensors", "skipLayers": [2] }""");

        Assert.Equal([2], router.Skipped);
    }

    [Fact]
    public void A_searchs_file_gives_the_list()
    {
        using (EasAdapters all = _model.Adapters(random: true))
        {
            _files.Write("all.safetensors", all);
        }

        _files.Write("search.json", """{ "base": "LLaVA", "task": "t", "K": 2, "arms": "decoder-mha", "scores": [0.1, -0.2, 0.4, 0.0], "skip": [2, 0] }""");

        using EasRouter router = Create("""{ "Adapters": "all.safetensors", "SkipLayers": "search.json" }""");

        Assert.Equal([0, 2], router.Skipped.Order());
    }

    [Theory]
    [InlineData("""{ "SkipLayers": [1, 2, 3] }""", "eas: layer 2 is to be skipped, but")]
    [InlineData("""{ "SkipLayers": [1] }""", "eas: layer 3 is to be kept, but")]
    [InlineData("""{ "SkipLayers": [1, 4] }""", "eas: SkipLayers names layer 4, but small has layers 0 to 3.")]
    [InlineData("""{ "SkipLayers": [1, 1] }""", "eas: SkipLayers names layer 1 twice.")]
    [InlineData("""{ "SkipLayers": [0.5] }""", "eas: SkipLayers holds 0.5, which is no layer")]
    [InlineData("""{ "SkipLayers": 3 }""", "eas: SkipLayers must be a list of layers")]
    [InlineData("""{ "SkipLayers": "bad.json" }""", "eas: '")]
    [InlineData("""{ "Adapters": "none.safetensors" }""", "There is no file 'none.safetensors'.")]
    [InlineData("""{ "Adapters": "other.safetensors" }""", "holds no adapters")]
    [InlineData("""{ "Adapters": "wide.safetensors" }""", "does not fit small: Tensor 'model.layers.0.adapter_attn.conv_A.weight' has shape [8, 48, 1]")]
    [InlineData("""{ "Adapters": "deep.safetensors" }""", "has an adapter for layer 4, but small has layers 0 to 3")]
    [InlineData("""{ "Adapters": "both.safetensors" }""", "has both adapters in layer 0, as a search leaves them")]
    [InlineData("""{ "Adapters": "torn.safetensors" }""", "conv_B.weight")]
    [InlineData("""{ "Temperature": 0 }""", "eas: Temperature is 0; give a number above 0")]
    [InlineData("""{ "Groups": 0 }""", "eas: Groups is 0;")]
    [InlineData("""{ "OfficialRepBias": true }""", "Merge is Off; set Merge")]
    [InlineData("""{ "Merge": "LowRank", "DecodePool": "Self" }""", "DecodePool cannot be Self")]
    [InlineData("""{ "Merge": "Some" }""", "Merge has a value of the wrong type")]
    [InlineData("""{ "Layers": [1] }""", "unknown option 'Layers'")]
    public void Wrong_input_gives_one_clear_line(string options, string message)
    {
        WriteTrained("eas/adapters.safetensors", 1, 3);
        _files.Write("bad.json", """{ "K": 3, "scores": [1, 2], "skip": [0] }""");
        using (EasAdapters all = _model.Adapters(random: true))
        {
            _files.Write("both.safetensors", all);
            _files.Write("torn.safetensors", all, name => !name.Contains("layers.2.adapter_attn.conv_B", StringComparison.Ordinal));
        }

        Other("wide.safetensors", _model.Info with { HiddenSize = 48 });
        Other("deep.safetensors", _model.Info with { Layers = 6 });
        using (Tensor nothing = zeros(1))
        {
            Weights.SafetensorsWriter.Save(Path.Combine(_files.Folder, "other.safetensors"), new Dictionary<string, Tensor> { ["x"] = nothing });
        }

        ApertureException error = Assert.Throws<ApertureException>(() => Create(options));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_model_without_adapters_says_where_they_were_looked_for()
    {
        ApertureException error = Assert.Throws<ApertureException>(() => Create("{}"));

        Assert.Contains("neither in its checkpoint nor in eas/adapters.safetensors", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_kept_layer_needs_attention_weights()
    {
        WriteTrained("eas/adapters.safetensors", 1, 3);
        DecoderInfo without = _model.Info with { LayersWithoutAttention = [1, 2, 3] };

        ApertureException error = Assert.Throws<ApertureException>(() => new EasFactory().Create(TestFiles.Json("{}"), without, _files));

        Assert.Contains("layer 2 is to be kept, but small has no attention weights there", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Refused_files_leave_no_tensor_behind()
    {
        using (EasAdapters all = _model.Adapters(random: true))
        {
            _files.Write("torn.safetensors", all, name => !name.Contains("layers.2.adapter_attn.conv_B", StringComparison.Ordinal));
        }

        void Once() => Assert.Throws<ApertureException>(() => Create("""{ "Adapters": "torn.safetensors", "SkipLayers": [1, 3] }"""));
        Once();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = LiveTensors.Settled();
        Once();
        Assert.Equal(before, Tensor.TotalCount);
    }

    private EasRouter Create(string options) => (EasRouter)new EasFactory().Create(TestFiles.Json(options), _model.Info, _files);

    private void WriteTrained(string name, params int[] skipped)
    {
        using EasAdapters adapters = _model.Adapters(random: true, skipped.ToHashSet());
        _files.Write(name, adapters);
    }

    private void Other(string name, DecoderInfo decoder)
    {
        using Generator generator = new(1, CPU);
        using EasAdapters adapters = EasAdapters.Fresh(decoder, new AdapterShape(8, 12), new HashSet<int> { 1 }, generator);
        _files.Write(name, adapters);
    }
}
