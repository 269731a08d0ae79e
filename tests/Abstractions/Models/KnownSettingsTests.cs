using System.Text.Json;
using Aperture.Models;

namespace Aperture.Abstractions.Tests.Models;

/// <summary>
/// Every key of the configuration files of published checkpoints stands in a list of what becomes of it: it is used, changes nothing for a reason, or is
/// refused.
/// </summary>
public sealed class KnownSettingsTests
{
    // File by file: the list, and the keys as they are published.
    private static readonly (string File, string List, string Keys)[] _published =
    [
        ("llava-hf/llava-1.5-7b-hf config.json", nameof(KnownSettings.Config), """
            architectures ignore_index image_token_index model_type pad_token_id projector_hidden_act text_config tie_word_embeddings torch_dtype
            transformers_version vision_config vision_feature_layer vision_feature_select_strategy image_seq_length multimodal_projector_bias dtype
            """),
        ("llava-hf/llava-1.5-7b-hf text_config", nameof(KnownSettings.Text), """
            _name_or_path architectures max_position_embeddings model_type rms_norm_eps torch_dtype vocab_size hidden_size intermediate_size num_hidden_layers
            num_attention_heads num_key_value_heads head_dim hidden_act initializer_range attention_bias attention_dropout mlp_bias pretraining_tp rope_scaling
            rope_theta use_cache rope_parameters dtype
            """),
        ("llava-hf/llava-1.5-7b-hf vision_config", nameof(KnownSettings.Vision), """
            hidden_size image_size intermediate_size model_type num_attention_heads num_hidden_layers patch_size projection_dim vocab_size hidden_act
            layer_norm_eps attention_dropout initializer_factor initializer_range num_channels dropout torch_dtype
            """),
        ("llava-hf/llava-v1.6-*-hf config.json", nameof(KnownSettings.Config), """
            architectures ignore_index image_grid_pinpoints image_token_index model_type projector_hidden_act text_config tie_word_embeddings torch_dtype
            transformers_version use_image_newline_parameter vision_config vision_feature_layer vision_feature_select_strategy image_seq_length
            multimodal_projector_bias
            """),
        ("llava-hf/llava-v1.6-mistral-7b-hf text_config", nameof(KnownSettings.Text), """
            _name_or_path architectures intermediate_size max_position_embeddings model_type num_key_value_heads rms_norm_eps rope_theta sliding_window
            torch_dtype vocab_size bos_token_id eos_token_id pad_token_id use_cache
            """),
        ("liuhaotian/llava-v1.5-* config.json", nameof(KnownSettings.Config), """
            _name_or_path architectures bos_token_id eos_token_id freeze_mm_mlp_adapter freeze_mm_vision_resampler hidden_act hidden_size image_aspect_ratio
            image_grid_pinpoints initializer_range intermediate_size max_length max_position_embeddings mm_hidden_size mm_projector_type mm_resampler_type
            mm_use_im_patch_token mm_use_im_start_end mm_vision_select_feature mm_vision_select_layer mm_vision_tower model_type num_attention_heads
            num_hidden_layers num_key_value_heads pad_token_id pretraining_tp rms_norm_eps rope_scaling tie_word_embeddings torch_dtype transformers_version
            tune_mm_mlp_adapter tune_mm_vision_resampler unfreeze_mm_vision_tower use_cache use_mm_proj vocab_size mm_projector_lr rope_theta
            """),
        ("liuhaotian/llava-v1.6-* config.json", nameof(KnownSettings.Config), """
            image_crop_resolution image_split_resolution mm_patch_merge_type mm_vision_tower_lr tokenizer_model_max_length tokenizer_padding_side
            attention_bias attention_dropout sliding_window image_aspect_ratio image_grid_pinpoints delay_load use_mm_proj
            """),
        ("liuhaotian/llava-v1.5-7b generation_config.json", nameof(KnownSettings.Generation),
            "_from_model_config bos_token_id eos_token_id max_length pad_token_id temperature top_p transformers_version"),
        ("llava-hf generation_config.json", nameof(KnownSettings.Generation), "_from_model_config bos_token_id eos_token_id pad_token_id transformers_version"),
        ("llava-hf preprocessor_config.json", nameof(KnownSettings.Pictures), """
            crop_size do_center_crop do_convert_rgb do_normalize do_rescale do_resize image_mean image_processor_type image_std processor_class resample
            rescale_factor size aspect_ratio_setting do_pad image_grid_pinpoints _valid_processor_keys data_format input_data_format return_tensors device
            disable_grouping default_to_square feature_extractor_type
            """),
        ("llava-hf processor_config.json", nameof(KnownSettings.Processor),
            "image_token num_additional_image_tokens patch_size processor_class vision_feature_select_strategy image_processor chat_template"),
        ("LLaMA, Mistral and llava-hf tokenizer_config.json", nameof(KnownSettings.Tokenizer), """
            add_bos_token add_eos_token add_prefix_space added_tokens_decoder additional_special_tokens bos_token chat_template clean_up_tokenization_spaces
            eos_token extra_special_tokens image_token legacy model_max_length pad_token padding_side processor_class sp_model_kwargs
            spaces_between_special_tokens tokenizer_class trust_remote_code unk_token use_default_system_prompt errors backend is_local
            """),
        ("LLaVA-HR config.json", nameof(KnownSettings.Config), """
            architectures model_type mm_vision_tower vision_tower_slow is_multipath_encoder input_image_size freeze_vision mm_vision_select_layer
            mm_vision_select_feature mm_hidden_size mm_projector_type image_aspect_ratio image_grid_pinpoints use_mm_proj mm_use_im_start_end
            mm_use_im_patch_token tune_mm_mlp_adapter freeze_mm_mlp_adapter delay_load
            """),
        ("gamma-MoD config.json", nameof(KnownSettings.Config), """
            model_type mod mm_vision_tower vision_tower_slow is_multipath_encoder input_image_size freeze_vision mm_projector_type mm_hidden_size
            mm_vision_select_layer mm_vision_select_feature image_aspect_ratio mm_use_im_start_end mm_use_im_patch_token tune_mm_mlp_adapter
            """),
        ("Mini-Gemini config.json", nameof(KnownSettings.Config), """
            mm_vision_tower_aux image_size_aux image_grid image_global optimize_vision_tower optimize_vision_tower_aux mm_projector_type image_aspect_ratio
            """),
        ("DyVTE config.json", nameof(KnownSettings.Config), "model_type mm_vision_tower mm_projector_type mm_hidden_size image_aspect_ratio"),
        ("CompVis/stable-diffusion-v1-4 unet", nameof(KnownSettings.UNet), """
            _class_name _diffusers_version act_fn attention_head_dim block_out_channels center_input_sample cross_attention_dim down_block_types
            downsample_padding flip_sin_to_cos freq_shift in_channels layers_per_block mid_block_scale_factor norm_eps norm_num_groups out_channels sample_size
            up_block_types
            """),
        ("stable-diffusion-v1-5 unet as diffusers writes it", nameof(KnownSettings.UNet), """
            addition_embed_type addition_embed_type_num_heads addition_time_embed_dim attention_type class_embed_type class_embeddings_concat conv_in_kernel
            conv_out_kernel cross_attention_norm dropout dual_cross_attention encoder_hid_dim encoder_hid_dim_type mid_block_only_cross_attention
            mid_block_type num_attention_heads num_class_embeds only_cross_attention projection_class_embeddings_input_dim resnet_out_scale_factor
            resnet_skip_time_act resnet_time_scale_shift reverse_transformer_layers_per_block time_cond_proj_dim time_embedding_act_fn time_embedding_dim
            time_embedding_type timestep_post_act transformer_layers_per_block upcast_attention use_linear_projection
            """),
        ("CompVis/stable-diffusion-v1-4 vae", nameof(KnownSettings.Autoencoder), """
            _class_name _diffusers_version act_fn block_out_channels down_block_types in_channels latent_channels layers_per_block norm_num_groups out_channels
            sample_size up_block_types scaling_factor force_upcast latents_mean latents_std shift_factor use_quant_conv use_post_quant_conv
            mid_block_add_attention
            """),
        ("CompVis/stable-diffusion-v1-4 text_encoder", nameof(KnownSettings.ClipText), """
            _name_or_path architectures attention_dropout bos_token_id dropout eos_token_id hidden_act hidden_size initializer_factor initializer_range
            intermediate_size layer_norm_eps max_position_embeddings model_type num_attention_heads num_hidden_layers pad_token_id projection_dim torch_dtype
            transformers_version vocab_size
            """),
        ("CompVis/stable-diffusion-v1-4 scheduler", nameof(KnownSettings.Scheduler), """
            _class_name _diffusers_version beta_end beta_schedule beta_start num_train_timesteps set_alpha_to_one skip_prk_steps steps_offset trained_betas
            clip_sample prediction_type timestep_spacing clip_sample_range
            """),
        ("LLaMA params.json", nameof(KnownSettings.MetaLlama), "dim multiple_of n_heads n_layers norm_eps vocab_size max_seq_len max_batch_size"),
        ("PEFT adapter_config.json", nameof(KnownSettings.Adapter), """
            auto_mapping base_model_name_or_path bias fan_in_fan_out inference_mode init_lora_weights layers_pattern layers_to_transform lora_alpha lora_dropout
            modules_to_save peft_type r rank_pattern alpha_pattern revision target_modules task_type use_rslora use_dora loftq_config megatron_config
            megatron_core layer_replication exclude_modules eva_config corda_config lora_bias trainable_token_indices use_qalora qalora_group_size
            target_parameters peft_version
            """),
    ];

    private static readonly Dictionary<string, SettingsList> _lists = typeof(KnownSettings).GetProperties()
        .ToDictionary(property => property.Name, property => (SettingsList)property.GetValue(null)!);

    public static TheoryData<string> Files => [.. _published.Select(file => file.File)];

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_published_key_is_used_harmless_for_a_reason_or_refused(string file)
    {
        (_, string list, string keys) = _published.Single(published => published.File == file);

        string[] lost = [.. keys.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Where(key => !_lists[list].Settings.ContainsKey(key))];

        Assert.Empty(lost);
    }

    [Fact]
    public void What_is_harmless_has_a_reason()
    {
        Assert.All(
            _lists.Values.SelectMany(list => list.Settings),
            entry => Assert.True(entry.Value.Use != SettingUse.Harmless || entry.Value.Note.Length > 0, entry.Key));
    }

    [Theory]
    [InlineData("""{"min_p": 0.1, "top_k": 5, "guidance_scale": 1.0, "bad_words_ids": []}""", "not done is min_p 0.1")]
    [InlineData("""{"foo": 1, "bar": null, "baz": false}""", "nothing here reads foo;")]
    [InlineData("""{"min_p": 0.0, "typical_p": 1.0, "num_beam_groups": 1, "use_cache": true}""", null)]
    public void What_is_not_done_is_told_in_one_line(string json, string? says)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        List<string> told = [];

        KnownSettings.Generation.Tell(document.RootElement, "generation_config.json", told.Add);

        if (says is null)
        {
            Assert.Empty(told);
        }
        else
        {
            Assert.Contains(says, Assert.Single(told), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(nameof(KnownSettings.UNet), """{"use_linear_projection": true}""", "use_linear_projection is true")]
    [InlineData(nameof(KnownSettings.UNet), """{"transformer_layers_per_block": [1, 2, 10]}""", "transformer_layers_per_block is [1, 2, 10]")]
    [InlineData(nameof(KnownSettings.UNet), """{"transformer_layers_per_block": 1, "mid_block_type": "UNetMidBlock2DCrossAttn"}""", null)]
    [InlineData(nameof(KnownSettings.Autoencoder), """{"shift_factor": 0.1}""", "shift_factor is 0.1")]
    [InlineData(nameof(KnownSettings.MetaLlama), """{"n_kv_heads": 8}""", "n_kv_heads is 8")]
    [InlineData(nameof(KnownSettings.Config), """{"mm_vision_tower_aux": "openai/x"}""", "mm_vision_tower_aux is \"openai/x\"")]
    public void Designs_that_are_not_done_are_refused_by_the_setting_that_says_so(string list, string json, string? says)
    {
        using JsonDocument document = JsonDocument.Parse(json);

        string? message = Record.Exception(() => _lists[list].Require(document.RootElement, "config.json", Assert.Fail))?.Message;

        Assert.Equal(says is null ? null : $"config.json: {says}, which is not supported; take a checkpoint without it.", message);
    }

    [Fact]
    public void A_configuration_that_asks_for_what_is_not_done_is_refused()
    {
        using JsonDocument document = JsonDocument.Parse("""{"mm_resampler_type": "qformer"}"""), none = JsonDocument.Parse("""{"mm_resampler_type": null}""");

        ApertureException error = Assert.Throws<ApertureException>(
            () => KnownSettings.Config.Require(document.RootElement, "config.json", _ => { }));

        Assert.Contains("config.json: mm_resampler_type is \"qformer\"", error.Message, StringComparison.Ordinal);
        KnownSettings.Config.Require(none.RootElement, "config.json", Assert.Fail);
    }
}
