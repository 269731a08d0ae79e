using System.Text;
using System.Text.Json;
using Aperture.Decoding;
using Aperture.Files;
using Aperture.Models;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Benchmarks;

/// <summary>
/// Writes a LLaVA-1.5 checkpoint of full size with random weights, in the Hugging Face layout and its key order, shard by shard. Shards that are whole stay: an
/// interrupted writing goes on with the next one.
/// </summary>
public static class RandomCheckpoint
{
    private const int Shards = 3;
    private const int ImageToken = 32000;
    private const int Vocabulary = 32064;
    private const double Spread = 0.02;

    /// <summary>Writes what is missing.</summary>
    /// <param name="folder">The folder; created if need be.</param>
    /// <param name="shape">The model.</param>
    /// <param name="type">bfloat16 or float16.</param>
    /// <param name="progress">Told the share that is done.</param>
    /// <param name="cancellationToken">Checked between tensors; whole shards stay.</param>
    /// <exception cref="ApertureException">The disk has too little room or refuses.</exception>
    public static void Write(string folder, ModelShape shape, ScalarType type, Action<double> progress, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        (string Name, long[] Shape)[] tensors = [.. Tensors(shape)];
        long total = tensors.Sum(t => Elements(t.Shape)) * 2, done = 0;
        List<(string File, (string Name, long[] Shape)[] Tensors)> plan = Plan(tensors, total);
        long missing = plan.Where(s => !File.Exists(Path.Combine(folder, s.File))).Sum(s => s.Tensors.Sum(t => Elements(t.Shape)) * 2);
        long free = new DriveInfo(Path.GetFullPath(folder)).AvailableFreeSpace;
        if (missing > free)
        {
            throw new ApertureException(
                $"The checkpoint needs {missing / 1e9:0.0} GB more in '{folder}' but only {free / 1e9:0.0} GB are free; name another folder with "
                + "--checkpoint.");
        }

        foreach ((string file, (string Name, long[] Shape)[] own) in plan)
        {
            string path = Path.Combine(folder, file);
            if (!File.Exists(path))
            {
                WriteShard(path, own, type, bytes => progress((done + bytes) / (double)total), cancellationToken);
            }

            done += own.Sum(t => Elements(t.Shape)) * 2;
            progress(done / (double)total);
        }

        WriteIndex(Path.Combine(folder, "model.safetensors.index.json"), plan, total);
        WriteText(Path.Combine(folder, "config.json"), Config(shape, type));
        WriteText(Path.Combine(folder, "tokenizer.json"), TokenizerJson());
    }

    /// <summary>Number of weights of a checkpoint.</summary>
    /// <param name="shape">The model.</param>
    public static long Weights(ModelShape shape) => Tensors(shape).Sum(t => Elements(t.Shape));

    private static IEnumerable<(string Name, long[] Shape)> Tensors(ModelShape shape)
    {
        VisionTransformerConfig vision = shape.Vision ?? throw new ArgumentException($"{shape.Name} has no vision tower.", nameof(shape));
        long c = vision.HiddenSize, m = vision.IntermediateSize, d = shape.Decoder.HiddenSize;
        const string Tower = "vision_tower.vision_model.";
        yield return (Tower + "embeddings.class_embedding", [c]);
        yield return (Tower + "embeddings.patch_embedding.weight", [c, 3, vision.PatchSize, vision.PatchSize]);
        yield return (Tower + "embeddings.position_embedding.weight", [1 + (vision.Grid * vision.Grid), c]);
        foreach (string norm in new[] { "pre_layrnorm", "post_layernorm" })
        {
            yield return ($"{Tower}{norm}.weight", [c]);
            yield return ($"{Tower}{norm}.bias", [c]);
        }

        for (int block = 0; block < vision.Layers; block++)
        {
            string name = $"{Tower}encoder.layers.{block}.";
            (string Name, long Outputs, long Inputs)[] linears =
            [
                ("self_attn.k_proj", c, c), ("self_attn.v_proj", c, c), ("self_attn.q_proj", c, c), ("self_attn.out_proj", c, c), ("mlp.fc1", m, c),
                ("mlp.fc2", c, m),
            ];
            foreach ((string linear, long outputs, long inputs) in linears)
            {
                yield return ($"{name}{linear}.weight", [outputs, inputs]);
                yield return ($"{name}{linear}.bias", [outputs]);
            }

            foreach (string norm in new[] { "layer_norm1", "layer_norm2" })
            {
                yield return ($"{name}{norm}.weight", [c]);
                yield return ($"{name}{norm}.bias", [c]);
            }
        }

        yield return ("multi_modal_projector.linear_1.weight", [d, c]);
        yield return ("multi_modal_projector.linear_1.bias", [d]);
        yield return ("multi_modal_projector.linear_2.weight", [d, d]);
        yield return ("multi_modal_projector.linear_2.bias", [d]);
        DecoderSpec decoder = shape.Decoder with { VocabularySize = Vocabulary };
        foreach ((string Name, long[] Shape) tensor in RandomWeights.DecoderShapes(decoder, "language_model.model.", "language_model.lm_head"))
        {
            yield return tensor;
        }
    }

    private static List<(string File, (string Name, long[] Shape)[] Tensors)> Plan((string Name, long[] Shape)[] tensors, long total)
    {
        List<(string, (string, long[])[])> plan = [];
        List<(string, long[])> shard = [];
        long bytes = 0;
        foreach ((string name, long[] shape) in tensors)
        {
            shard.Add((name, shape));
            bytes += Elements(shape) * 2;
            if (bytes >= total * (plan.Count + 1) / Shards)
            {
                plan.Add(($"model-{plan.Count + 1:00000}-of-{Shards:00000}.safetensors", [.. shard]));
                shard.Clear();
            }
        }

        return plan;
    }

    private static void WriteShard(
        string path, (string Name, long[] Shape)[] tensors, ScalarType type, Action<long> progress, CancellationToken cancellationToken)
    {
        using SafetensorsWriter writer = SafetensorsWriter.Create(
            path, [.. tensors.Select(t => new TensorLayout(t.Name, type, t.Shape))], new Dictionary<string, string> { ["format"] = "pt" });
        long written = 0;
        foreach ((string name, long[] shape) in tensors)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using Tensor values = Values(name, shape, type);
            writer.Write(name, values);
            progress(written += Elements(shape) * 2);
        }

        writer.Complete();
    }

    private static Tensor Values(string name, long[] shape, ScalarType type)
    {
        bool gain = shape.Length == 1 && name.EndsWith(".weight", StringComparison.Ordinal);
        if (gain || name.EndsWith(".bias", StringComparison.Ordinal))
        {
            return full(shape, gain ? 1 : 0, dtype: type);
        }

        using Generator generator = new((ulong)name.Sum(c => c) + (ulong)name.Length, CPU);
        Tensor values = randn(shape, dtype: type, generator: generator);
        values.mul_(Spread);
        return values;
    }

    private static void WriteIndex(string path, List<(string File, (string Name, long[] Shape)[] Tensors)> plan, long total)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteStartObject("metadata");
            json.WriteNumber("total_size", total);
            json.WriteEndObject();
            json.WriteStartObject("weight_map");
            foreach ((string file, (string Name, long[] Shape)[] tensors) in plan)
            {
                foreach ((string name, _) in tensors)
                {
                    json.WriteString(name, file);
                }
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        WriteText(path, Encoding.UTF8.GetString(buffer.ToArray()));
    }

    private static string Config(ModelShape shape, ScalarType type) => $$"""
        {
          "architectures": ["LlavaForConditionalGeneration"],
          "model_type": "llava",
          "image_token_index": {{ImageToken}},
          "projector_hidden_act": "gelu",
          "vision_feature_layer": -2,
          "vision_feature_select_strategy": "default",
          "tie_word_embeddings": false,
          "torch_dtype": "{{(type == ScalarType.Float16 ? "float16" : "bfloat16")}}",
          "text_config": {
            "model_type": "llama",
            "vocab_size": {{Vocabulary}},
            "hidden_size": {{shape.Decoder.HiddenSize}},
            "intermediate_size": {{shape.Decoder.IntermediateSize}},
            "num_hidden_layers": {{shape.Decoder.Layers}},
            "num_attention_heads": {{shape.Decoder.Heads}},
            "num_key_value_heads": {{shape.Decoder.KeyValueHeads}},
            "max_position_embeddings": {{shape.Decoder.MaxPositions}}, "rms_norm_eps": 1e-05
          },
          "vision_config": {
            "model_type": "clip_vision_model", "hidden_size": {{shape.Vision!.HiddenSize}}, "intermediate_size": {{shape.Vision.IntermediateSize}},
            "num_hidden_layers": {{shape.Vision.Layers}}, "num_attention_heads": {{shape.Vision.Heads}},
            "image_size": {{shape.Vision.ImageSize}}, "patch_size": {{shape.Vision.PatchSize}}
          }
        }
        """;

    // A vocabulary of made-up words with the special tokens where the published one has them: random weights say nothing in any language.
    private static string TokenizerJson()
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            string[] special = ["<unk>", "<s>", "</s>"];
            json.WriteStartObject();
            json.WriteString("version", "1.0");
            json.WriteStartArray("added_tokens");
            foreach ((string content, int id) in special.Select((token, id) => (token, id)).Append(("<image>", ImageToken)))
            {
                json.WriteStartObject();
                json.WriteNumber("id", id);
                json.WriteString("content", content);
                json.WriteBoolean("single_word", false);
                json.WriteBoolean("lstrip", false);
                json.WriteBoolean("rstrip", false);
                json.WriteBoolean("normalized", false);
                json.WriteBoolean("special", true);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteNull("normalizer");
            json.WriteNull("pre_tokenizer");
            json.WriteNull("post_processor");
            json.WriteNull("decoder");
            json.WriteStartObject("model");
            json.WriteString("type", "BPE");
            json.WriteString("unk_token", "<unk>");
            json.WriteStartObject("vocab");
            for (int id = 0; id < Vocabulary; id++)
            {
                json.WriteNumber(id < special.Length ? special[id] : id == ImageToken ? "<image>" : $"w{id} ", id);
            }

            json.WriteEndObject();
            json.WriteStartArray("merges");
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private static void WriteText(string path, string text) => AtomicFile.Write(path, Encoding.UTF8.GetBytes(text));

    private static long Elements(long[] shape) => shape.Aggregate(1L, (product, size) => product * size);
}
