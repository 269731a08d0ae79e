using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Workshop;

/// <summary>Writes the small model as a folder in the layout of the published Hugging Face checkpoints of LLaVA-1.5.</summary>
internal static class ShelfModelFiles
{
    private const string ChatTemplate =
        "{% for message in messages %}{% if message['role'] == 'user' %}USER: {% else %}ASSISTANT: {% endif %}"
        + "{% for item in message['content'] | selectattr('type', 'equalto', 'image') %}<image>\n{% endfor %}"
        + "{% for item in message['content'] | selectattr('type', 'equalto', 'text') %}{{ item['text'] }} {% endfor %}{% endfor %}"
        + "{% if add_generation_prompt %}ASSISTANT:{% endif %}";

    /// <summary>Writes the folder.</summary>
    /// <param name="folder">Created if absent.</param>
    /// <param name="parameters">All parameters by published name; borrowed.</param>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="vision">Sizes of the tower.</param>
    /// <param name="type">The element type to store.</param>
    public static void Write(
        string folder, IReadOnlyDictionary<string, Tensor> parameters, ShelfTokenizer tokenizer, VisionTransformerConfig vision, ScalarType type)
    {
        Directory.CreateDirectory(folder);
        using (DisposeScope scope = NewDisposeScope())
        {
            using IDisposable quiet = no_grad();
            SafetensorsWriter.Save(
                Path.Combine(folder, "model.safetensors"),
                parameters.ToDictionary(pair => pair.Key, pair => pair.Value.to_type(type)),
                new Dictionary<string, string> { ["format"] = "pt" });
        }

        tokenizer.Write(Path.Combine(folder, "tokenizer.json"));
        string typeName = type == ScalarType.BFloat16 ? "bfloat16" : type == ScalarType.Float16 ? "float16" : "float32";
        WriteJson(folder, "config.json", json => WriteConfig(json, tokenizer, vision, typeName));
        WriteJson(folder, "preprocessor_config.json", json => WritePreprocessor(json, vision.ImageSize));
        WriteJson(folder, "tokenizer_config.json", WriteTokenizerConfig);
        WriteJson(folder, "generation_config.json", json =>
        {
            json.WriteNumber("bos_token_id", tokenizer.BeginToken);
            json.WriteNumber("eos_token_id", tokenizer.EndToken);
            json.WriteNumber("pad_token_id", tokenizer.PadToken);
        });
    }

    private static void WriteJson(string folder, string name, Action<Utf8JsonWriter> write)
    {
        using FileStream file = File.Create(Path.Combine(folder, name));
        using Utf8JsonWriter json = new(file, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        write(json);
        json.WriteEndObject();
    }

    private static void WriteConfig(Utf8JsonWriter json, ShelfTokenizer tokenizer, VisionTransformerConfig vision, string type)
    {
        DecoderSpec decoder = ShelfArchitecture.Decoder(tokenizer.Count);
        json.WriteStartArray("architectures");
        json.WriteStringValue("LlavaForConditionalGeneration");
        json.WriteEndArray();
        json.WriteNumber("ignore_index", -100);
        json.WriteNumber("image_token_index", tokenizer.ImageToken);
        json.WriteNumber("image_seq_length", vision.Grid * vision.Grid);
        json.WriteString("model_type", "llava");
        json.WriteNumber("pad_token_id", tokenizer.PadToken);
        json.WriteString("projector_hidden_act", "gelu");
        json.WriteBoolean("tie_word_embeddings", false);
        json.WriteString("torch_dtype", type);
        json.WriteNumber("vision_feature_layer", ShelfArchitecture.FeatureLayer);
        json.WriteString("vision_feature_select_strategy", "default");
        json.WriteStartObject("text_config");
        json.WriteStartArray("architectures");
        json.WriteStringValue("LlamaForCausalLM");
        json.WriteEndArray();
        json.WriteString("model_type", "llama");
        json.WriteNumber("bos_token_id", tokenizer.BeginToken);
        json.WriteNumber("eos_token_id", tokenizer.EndToken);
        json.WriteNumber("hidden_size", decoder.HiddenSize);
        json.WriteNumber("intermediate_size", decoder.IntermediateSize);
        json.WriteNumber("num_hidden_layers", decoder.Layers);
        json.WriteNumber("num_attention_heads", decoder.Heads);
        json.WriteNumber("num_key_value_heads", decoder.KeyValueHeads);
        json.WriteNumber("max_position_embeddings", decoder.MaxPositions);
        json.WriteNumber("rms_norm_eps", decoder.NormEpsilon);
        json.WriteNumber("rope_theta", decoder.Rotary.Theta);
        json.WriteString("torch_dtype", type);
        json.WriteNumber("vocab_size", decoder.VocabularySize);
        json.WriteEndObject();
        json.WriteStartObject("vision_config");
        json.WriteString("model_type", "clip_vision_model");
        json.WriteNumber("hidden_size", vision.HiddenSize);
        json.WriteNumber("intermediate_size", vision.IntermediateSize);
        json.WriteNumber("num_hidden_layers", vision.Layers);
        json.WriteNumber("num_attention_heads", vision.Heads);
        json.WriteNumber("image_size", vision.ImageSize);
        json.WriteNumber("patch_size", vision.PatchSize);
        json.WriteNumber("projection_dim", vision.HiddenSize);
        json.WriteNumber("vocab_size", decoder.VocabularySize);
        json.WriteEndObject();
    }

    private static void WritePreprocessor(Utf8JsonWriter json, int side)
    {
        json.WriteStartObject("crop_size");
        json.WriteNumber("height", side);
        json.WriteNumber("width", side);
        json.WriteEndObject();
        json.WriteBoolean("do_center_crop", true);
        json.WriteBoolean("do_convert_rgb", true);
        json.WriteBoolean("do_normalize", true);
        json.WriteBoolean("do_rescale", true);
        json.WriteBoolean("do_resize", true);
        WriteNumbers(json, "image_mean", 0.48145466, 0.4578275, 0.40821073);
        json.WriteString("image_processor_type", "CLIPImageProcessor");
        WriteNumbers(json, "image_std", 0.26862954, 0.26130258, 0.27577711);
        json.WriteString("processor_class", "LlavaProcessor");
        json.WriteNumber("resample", 3);
        json.WriteNumber("rescale_factor", 1 / 255.0);
        json.WriteStartObject("size");
        json.WriteNumber("shortest_edge", side);
        json.WriteEndObject();
    }

    private static void WriteTokenizerConfig(Utf8JsonWriter json)
    {
        json.WriteString("bos_token", "<s>");
        json.WriteString("chat_template", ChatTemplate);
        json.WriteBoolean("clean_up_tokenization_spaces", false);
        json.WriteString("eos_token", "</s>");
        json.WriteNumber("model_max_length", 2048);
        json.WriteString("pad_token", "<pad>");
        json.WriteString("processor_class", "LlavaProcessor");
        json.WriteString("tokenizer_class", "PreTrainedTokenizerFast");
        json.WriteString("unk_token", "<unk>");
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, params double[] values)
    {
        json.WriteStartArray(name);
        foreach (double value in values)
        {
            json.WriteNumberValue(value);
        }

        json.WriteEndArray();
    }
}
