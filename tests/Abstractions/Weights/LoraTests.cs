namespace Aperture.Abstractions.Tests.Weights;

/// <summary>LoRA adapters are merged into the weights they were trained on.</summary>
[Collection("tensors")]
public sealed class LoraTests
{
    private const string Down = "base_model.model.model.q.lora_A.weight", Up = "base_model.model.model.q.lora_B.weight";
    private const string Config = """{"peft_type": "LORA", "r": 1, "lora_alpha": 4, "target_modules": ["q"]}""";

    [Theory]
    [InlineData("language_model.model.q", "base_model.model.language_model.model.q.lora_A.weight", "base_model.model.language_model.model.q.lora_B.weight")]
    [InlineData("language_model.model.q", "base_model.model.model.language_model.q.lora_A.weight", "base_model.model.model.language_model.q.lora_B.weight")]
    [InlineData("model.q", "base_model.model.model.q.lora_A.default.weight", "base_model.model.model.q.lora_B.default.weight")]
    public void What_was_learned_is_added(string module, string down, string up)
    {
        using CheckpointFolder folder = Base(module), adapter = Adapter(Config, down, up);

        (float[] values, string[] names) = folder.Load(module + ".weight", adapter.Root);

        Assert.Equal([1f + (4 * 2 * 1), 2 + (4 * 2 * 3), 3 + (4 * 5 * 1), 4 + (4 * 5 * 3)], values); // W + (alpha / r) B A, exact in bf16 or not
        Assert.Equal([module + ".weight"], names);
    }

    [Theory]
    [InlineData("""{"r": 1, "lora_alpha": 4, "fan_in_fan_out": true}""", new float[] { 1 + 8, 2 + 20, 3 + 24, 4 + 60 })]
    [InlineData("""{"r": 1, "lora_alpha": 4, "alpha_pattern": {"q": 1}}""", new float[] { 1 + 2, 2 + 6, 3 + 5, 4 + 15 })]
    [InlineData("""{"r": 16, "lora_alpha": 2, "use_rslora": true}""", new float[] { 1 + 4, 2 + 12, 3 + 10, 4 + 30 })]
    public void The_factor_is_what_the_configuration_says(string config, float[] expected)
    {
        using CheckpointFolder folder = Base("model.q"), adapter = Adapter(config, Down, Up);

        Assert.Equal(expected, folder.Load("model.q.weight", adapter.Root).Values);
    }

    [Fact]
    public void Tables_and_whole_tensors_are_taken_too()
    {
        using CheckpointFolder folder = new(), adapter = new();
        folder.Add("model.embed_tokens.weight", [2L, 1], 1f, 2f).Add("lm_head.weight", [1L], 5f).Json("config.json", "{}").Save();
        adapter.Add("base_model.model.model.embed_tokens.lora_embedding_A", [1L, 2], 10f, 20f)
            .Add("base_model.model.model.embed_tokens.lora_embedding_B", [1L, 1], 3f)
            .Add("base_model.model.lm_head.weight", [1L], 7f).Json("adapter_config.json", """{"r": 1, "lora_alpha": 1}""").Save("adapter_model.safetensors");

        Assert.Equal([31f, 62], folder.Load("model.embed_tokens.weight", adapter.Root).Values);
        Assert.Equal([7f], folder.Load("lm_head.weight", adapter.Root).Values);
    }

    [Fact]
    public void What_was_trained_beside_it_comes_along()
    {
        using CheckpointFolder folder = Base("model.q");
        using CheckpointFolder adapter = Adapter(Config, Down, Up);
        adapter.Add("base_model.model.model.mm_projector.0.bias", [1L], 9f).Save("non_lora_trainables.bin");

        (float[] values, string[] names) = folder.Load("model.mm_projector.0.bias", adapter.Root);

        Assert.Equal([9f], values);
        Assert.Equal(["model.mm_projector.0.bias", "model.q.weight"], names);
    }

    [Fact]
    public void Layers_that_were_saved_wrapped_are_merged_by_the_configuration_beside_them()
    {
        using CheckpointFolder folder = new();
        folder.Add("base_model.model.model.q.base_layer.weight", [2L, 2], 1f, 2f, 3f, 4f).Add("base_model.model.model.q.lora_A.default.weight", [1L, 2], 1f, 3f)
            .Add("base_model.model.model.q.lora_B.default.weight", [2L, 1], 2f, 5f).Json("config.json", "{}").Save();
        Assert.Contains("adapter_config.json", folder.Refused(), StringComparison.Ordinal);

        folder.Json("adapter_config.json", Config);
        Assert.Equal([9f, 26, 23, 64], folder.Load("model.q.weight").Values);
    }

    [Theory]
    [InlineData("use_dora is set", """{"use_dora": true}""")]
    [InlineData("peft_type 'IA3'", """{"peft_type": "IA3"}""")]
    [InlineData("init_lora_weights 'pissa'", """{"init_lora_weights": "pissa"}""")]
    [InlineData("lora_alpha is", """{"lora_alpha": "much"}""")]
    public void An_adapter_of_another_kind_is_refused_by_its_setting(string says, string config)
    {
        using CheckpointFolder folder = Base("model.q"), adapter = Adapter(config, Down, Up);

        Assert.Contains(says, folder.Refused(adapter.Root), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("changes model.k, which its base has not", "base_model.model.model.k.lora_A.weight", "base_model.model.model.k.lora_B.weight")]
    [InlineData("one of the two matrices of model.q alone", "base_model.model.model.q.lora_A.weight", "base_model.model.model.q.other")]
    [InlineData("holds model.q.lora_magnitude_vector", "base_model.model.model.q.lora_A.weight", "base_model.model.model.q.lora_magnitude_vector")]
    public void An_adapter_of_another_base_is_refused(string says, string down, string up)
    {
        using CheckpointFolder folder = Base("model.q"), adapter = Adapter(Config, down, up);

        Assert.Contains(says, folder.Refused(adapter.Root), StringComparison.Ordinal);
    }

    [Fact]
    public void An_adapter_of_another_size_is_refused()
    {
        using CheckpointFolder folder = Base("model.q"), adapter = new();
        adapter.Add("base_model.model.model.q.lora_A.weight", [1L, 3], 1f, 2f, 3f).Add("base_model.model.model.q.lora_B.weight", [2L, 1], 1f, 2f)
            .Json("adapter_config.json", Config).Save("adapter_model.safetensors");

        Assert.Contains("does not fit model.q.weight of [2, 2]", folder.Refused(adapter.Root), StringComparison.Ordinal);
    }

    private static CheckpointFolder Base(string module)
        => new CheckpointFolder().Add(module + ".weight", [2L, 2], 1f, 2f, 3f, 4f).Json("config.json", "{}").Save();

    private static CheckpointFolder Adapter(string config, string down, string up)
        => new CheckpointFolder().Add(down, [1L, 2], 1f, 3f).Add(up, [2L, 1], 2f, 5f).Json("adapter_config.json", config).Save("adapter_model.safetensors");
}
