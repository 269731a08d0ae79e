using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins.FlashSloth.Family;

namespace Aperture.Plugins.FlashSloth.Tests;

/// <summary>What a FlashSloth's files say is acted on, refused or told.</summary>
public sealed class SettingsTests
{
    // Phi's keys, those of the authors' code, and what their configuration class writes by itself.
    private const string Published = """
        architectures attention_dropout bos_token_id embd_pdrop eos_token_id hidden_act hidden_size initializer_range intermediate_size layer_norm_eps
        max_position_embeddings model_type num_attention_heads num_hidden_layers num_key_value_heads partial_rotary_factor qk_layernorm resid_pdrop rope_scaling
        rope_theta tie_word_embeddings torch_dtype transformers_version use_cache vocab_size mm_vision_tower mm_hidden_size mm_projector_type
        mm_vision_select_layer mm_vision_select_feature mm_use_im_start_end mm_use_im_patch_token image_aspect_ratio image_hd tokenizer_padding_side
        tokenizer_model_max_length tune_mm_mlp_adapter freeze_mm_mlp_adapter mm_projector_lr use_mm_proj image_token_index image_token model_hd _name_or_path
        """;

    [Fact]
    public void Every_published_key_is_known_and_what_is_harmless_has_a_reason()
    {
        IReadOnlyDictionary<string, KnownSetting> known = FlashSlothFamily.Settings.Settings;

        string[] lost = [.. Published.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Where(key => !known.ContainsKey(key))];

        Assert.Empty(lost);
        Assert.All(known, entry => Assert.True(entry.Value.Use != SettingUse.Harmless || entry.Value.Note.Length > 0, entry.Key));
    }

    [Fact]
    public async Task The_recorded_checkpoint_says_nothing_that_is_not_honoured()
    {
        using TinyFlashSloth tiny = new();

        Assert.Empty(await Notices(tiny));
    }

    [Fact]
    public async Task What_nothing_reads_is_told_and_what_is_not_done_is_refused()
    {
        using TinyFlashSloth unknown = new(config => config["mm_new_idea"] = 3), refused = new(config => config["mm_resampler_type"] = "qformer");
        File.WriteAllText(Path.Combine(unknown.Folder, "preprocessor_config.json"), """{"image_mean": [0.4, 0.4, 0.4]}""");
        await using EngineSession session = TinyFlashSloth.Open();

        string[] told = await Notices(unknown);

        Assert.Collection(
            told.Order(StringComparer.Ordinal),
            line => Assert.Equal(
                $"{Path.Combine(unknown.Folder, "config.json")}: nothing here reads mm_new_idea; answers may differ from its authors'.", line),
            line => Assert.StartsWith($"{Path.Combine(unknown.Folder, "preprocessor_config.json")}: nothing here reads it", line, StringComparison.Ordinal));
        Assert.Contains(
            "mm_resampler_type is \"qformer\", which is not supported",
            Assert.Throws<ApertureException>(() => session.Load(refused.Folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_prompt_longer_than_the_checkpoint_allows_is_refused()
    {
        using TinyFlashSloth tiny = new(config => config["tokenizer_model_max_length"] = 40);
        await using EngineSession session = TinyFlashSloth.Open();

        ApertureException error = await Assert.ThrowsAsync<ApertureException>(
            () => session.Load(tiny.Folder).Ask(Image.Filled(40, 30, 200, 40, 90), "How many?"));

        Assert.Contains("was made for 40 (tokenizer_model_max_length)", error.Message, StringComparison.Ordinal);
    }

    private static async Task<string[]> Notices(TinyFlashSloth tiny)
    {
        List<string> told = [];
        await using EngineSession session = EngineSessions.Open(new ModelOptions { Type = "float32", Threads = 1 }, told.Add);
        session.Load(tiny.Folder);
        return [.. told];
    }
}
