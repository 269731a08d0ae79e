using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;

namespace Aperture.Abstractions.Tests.Models;

/// <summary>Decoders read from configurations as they are published.</summary>
public sealed class DecoderSpecTests
{
    [Fact]
    public void Llama_is_what_is_not_said()
    {
        DecoderSpec spec = Parse("""{"model_type": "llama", "rms_norm_eps": 1e-5, "max_position_embeddings": 4096}""");

        Assert.Equal((4096, 11008, 32, 32, 32, 128, 32000), Sizes(spec));
        Assert.Equal((NormKind.Rms, false, true, "silu", 1e-5), (spec.Norm, spec.ParallelBlock, spec.GatedFeedForward, spec.Activation, spec.NormEpsilon));
        Assert.Equal((1, 128, DecoderKeys.Canonical), (spec.PositionAxes, spec.Rotary.Dimensions, spec.Keys));
        Assert.Equal((1.0, 1.0, 1.0), (spec.EmbeddingScale, spec.ResidualScale, spec.LogitScale));
        Assert.Equal((false, false, false, false), Biases(spec));
    }

    [Fact]
    public void Phi_2()
    {
        DecoderSpec spec = Parse("""
            {"model_type": "phi", "vocab_size": 51200, "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 32, "num_attention_heads": 32,
             "partial_rotary_factor": 0.4, "layer_norm_eps": 1e-05, "hidden_act": "gelu_new", "qk_layernorm": false, "tie_word_embeddings": false}
            """);

        Assert.Equal((2560, 10240, 32, 32, 32, 80, 51200), Sizes(spec));
        Assert.Equal((NormKind.Layer, true, false, "gelu_new"), (spec.Norm, spec.ParallelBlock, spec.GatedFeedForward, spec.Activation));
        Assert.Equal(32, spec.Rotary.Dimensions);
        Assert.Equal((true, true, true, true), Biases(spec));
        Assert.Equal(DecoderKeys.Phi, spec.Keys);
        Assert.Equal(16, Parse("""{"model_type": "phi", "head_dim": 32}""").Rotary.Dimensions);
    }

    [Theory]
    [InlineData("", true)]
    [InlineData(""", "bias": false""", false)]
    public void InternLm2_has_biases_unless_it_says_no(string more, bool biases)
    {
        DecoderSpec spec = Parse($$$"""{"model_type": "internlm2", "num_key_value_heads": 8, "rope_scaling": {"type": "dynamic", "factor": 2.0}{{{more}}}}""");

        Assert.Equal((biases, biases, false, false), Biases(spec));
        Assert.Equal((DecoderKeys.InternLm2, 103168, 8), (spec.Keys, spec.VocabularySize, spec.KeyValueHeads));
        Assert.Equal((RotaryScaling.Dynamic, 2.0), (spec.Rotary.Scaling, spec.Rotary.Factor));
    }

    [Theory]
    [InlineData("""
        {"model_type": "qwen2_vl", "hidden_size": 1536, "num_attention_heads": 12, "num_key_value_heads": 2, "tie_word_embeddings": true,
         "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}}
        """)]
    [InlineData("""
        {"model_type": "qwen2_5_vl", "tie_word_embeddings": true, "text_config": {
         "model_type": "qwen2_5_vl_text", "hidden_size": 1536, "num_attention_heads": 12, "num_key_value_heads": 2,
         "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0, "mrope_section": [16, 24, 24]}}}
        """)]
    public void Qwen2_Vl_flat_or_nested_has_positions_of_three_axes(string json)
    {
        DecoderSpec spec = Parse(json);

        Assert.Equal([16, 24, 24], spec.Rotary.Sections);
        Assert.Equal((3, 128, 1000000.0, RotaryScaling.None), (spec.PositionAxes, spec.Rotary.Dimensions, spec.Rotary.Theta, spec.Rotary.Scaling));
        Assert.Equal((1536, true, 0), (spec.HiddenSize, spec.TiedEmbeddings, spec.SlidingWindow));
        Assert.Equal((true, false, false, false), Biases(spec));
    }

    [Fact]
    public void MiniCpm_V_is_one_of_three_decoders_by_version()
    {
        DecoderSpec first = Parse("""
            {"model_type": "minicpmv", "hidden_size": 2304, "num_hidden_layers": 40, "num_attention_heads": 36,
             "scale_emb": 12, "dim_model_base": 256, "scale_depth": 1.4}
            """);
        DecoderSpec second = Parse("""{"model_type": "minicpmv", "version": 2.5}"""), third = Parse("""{"model_type": "minicpmv", "version": "2.6"}""");

        Assert.Equal((12.0, 1.4 / Math.Sqrt(40), 256.0 / 2304), (first.EmbeddingScale, first.ResidualScale, first.LogitScale));
        Assert.Equal((1.0, false), (second.ResidualScale, second.QueryKeyValueBias));
        Assert.Equal((1.0, true), (third.ResidualScale, third.QueryKeyValueBias));
    }

    [Theory]
    [InlineData("""{"model_type": "gpt2"}""", "gpt2")]
    [InlineData("""{"model_type": "minicpmv", "version": "9"}""", "version '9'")]
    [InlineData("""{"model_type": "llama", "hidden_act": "gelu"}""", "gelu")]
    [InlineData("""{"model_type": "llama", "hidden_size": 8, "num_attention_heads": 32}""", "head_dim")]
    [InlineData("""{"model_type": "llama", "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}}""", "mrope")]
    [InlineData("""{"model_type": "phi", "qk_layernorm": true}""", "qk_layernorm")]
    [InlineData("""{"model_type": "phi", "partial_rotary_factor": 7}""", "partial_rotary_factor")]
    [InlineData("""{"model_type": "qwen2_vl", "rope_scaling": {"type": "mrope"}}""", "mrope_section")]
    [InlineData("""{"model_type": "qwen2_vl", "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 25]}}""", "sum 64")]
    [InlineData("""{"model_type": "qwen2_vl", "rope_scaling": {"type": "mrope", "mrope_section": [64, -1, 1]}}""", "mrope_section")]
    [InlineData("""{"model_type": "qwen2_vl", "rope_scaling": {"type": "mrope", "mrope_section": "16"}}""", "mrope_section")]
    [InlineData("""{"model_type": "qwen2_vl", "rope_scaling": {"type": "dynamic", "mrope_section": [16, 24, 24]}}""", "Dynamic")]
    [InlineData("""{"model_type": "qwen2_vl", "use_sliding_window": true, "rope_scaling": {"mrope_section": [16, 24, 24]}}""", "use_sliding_window")]
    public void What_is_not_supported_is_refused_by_name(string json, string named)
    {
        ApertureException error = Assert.Throws<ApertureException>(() => Parse(json));

        Assert.Contains("config.json", error.Message, StringComparison.Ordinal);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    private static (int Hidden, int Intermediate, int Layers, int Heads, int KeyValueHeads, int Head, int Vocabulary) Sizes(DecoderSpec spec)
        => (spec.HiddenSize, spec.IntermediateSize, spec.Layers, spec.Heads, spec.KeyValueHeads, spec.HeadSize, spec.VocabularySize);

    private static (bool QueryKeyValue, bool Output, bool FeedForward, bool Head) Biases(DecoderSpec spec)
        => (spec.QueryKeyValueBias, spec.OutputBias, spec.FeedForwardBias, spec.HeadBias);

    private static DecoderSpec Parse(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return DecoderSpec.Parse(document.RootElement, "config.json");
    }
}
