using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Decoding;
using Aperture.Diffusion;
using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Plugins.E3FaceNet.Training;
using Aperture.Tasks;
using Aperture.Text;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Tests;

/// <summary>An untrained generator for pictures of 32 pixels, its discriminator, and a CLIP of a few weights beside it, all in the published layout.</summary>
public sealed class TinyFace : IDisposable
{
    private const int Width = 16, Positions = 12;

    public TinyFace()
    {
        using DisposeScope scope = NewDisposeScope();
        using TorchRandom random = new(5);
        FaceStart start = new(Config, random);
        Dictionary<string, Tensor> generator = start.Generator();
        generator["synthesis.fg_nerf.sigma_out.bias"].fill_(20); // so that there is a face to see
        Save("face.safetensors", generator);
        SafetensorsWriter.Save(Path.Combine(Folder, "discriminator.safetensors"), start.Discriminator(_ => 8));
        WriteClip(Path.Combine(Folder, "clip"), random);
    }

    /// <summary>Sizes of the generator.</summary>
    internal static FaceConfig Config { get; } = new()
    {
        Noise = 8,
        Text = Width,
        Token = Width,
        Style = 12,
        MappingLayers = 2,
        Octaves = 4,
        FaceWidth = 8,
        FaceLayers = 2,
        BackgroundWidth = 6,
        BackgroundLayers = 2,
        BackgroundNoise = 4,
        Features = 8,
        Volume = 8,
        Resolutions = [16, 32],
        Channels = [8, 8],
        AttentionWidth = 16,
        Settings = new FaceSettings { Heads = 2, RaySamples = 6, RegularisedSide = 4 },
    };

    public string Folder { get; } = Directory.CreateTempSubdirectory("aperture-face-").FullName;

    public string Checkpoint => Path.Combine(Folder, "face.safetensors");

    internal static FaceRequest Request { get; } = new()
    {
        Text = "a face",
        Seed = 7,
        Views = [new ViewPoint(-0.3, 0), ViewPoint.Front, new ViewPoint(0.3, 0.1)],
    };

    /// <summary>Opens the generator.</summary>
    internal FaceGenerator Open(object? options = null, string? checkpoint = null)
    {
        JsonObject json = JsonSerializer.SerializeToNode(options ?? new { })!.AsObject();
        return (FaceGenerator)new FaceFactory().Open(checkpoint ?? Checkpoint, JsonElement.Parse(json.ToJsonString()), CPU, new FactoryFiles(Folder));
    }

    /// <summary>Writes a generator's tensors with the settings that shapes do not tell, without those that a condition leaves out.</summary>
    internal string Save(string name, IReadOnlyDictionary<string, Tensor> tensors)
    {
        string path = Path.Combine(Folder, name);
        string settings = JsonSerializer.Serialize(Config.Settings, FaceJson.Default.FaceSettings);
        SafetensorsWriter.Save(path, tensors, new Dictionary<string, string> { [FaceConfig.SettingsKey] = settings });
        return path;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static void WriteClip(string folder, TorchRandom random)
    {
        Directory.CreateDirectory(folder);
        string[] letters = [.. Enumerable.Range(0, 256).Select(value => $"{(char)ByteLetter(value)}")];
        string[] words = [.. letters, .. letters.Select(letter => letter + "</w>"), "<|startoftext|>", "<|endoftext|>"];
        ClipTextConfig config = new()
        {
            Vocabulary = words.Length,
            HiddenSize = Width,
            IntermediateSize = 2 * Width,
            Layers = 1,
            Heads = 2,
            Positions = Positions,
        };
        using ClipTextEncoder encoder = ClipTextEncoder.Fresh(
            config, new WeightPolicy(CPU, ScalarType.Float32, ScalarType.Float32), (_, shape) => random.Normal(shape));
        Dictionary<string, Tensor> tensors = new(encoder.Tensors) { ["text_projection.weight"] = random.Normal(Width, Width) };
        SafetensorsWriter.Save(Path.Combine(folder, "model.safetensors"), tensors);
        File.WriteAllText(Path.Combine(folder, "config.json"), JsonSerializer.Serialize(new
        {
            model_type = "clip_text_model",
            vocab_size = words.Length,
            hidden_size = Width,
            intermediate_size = 2 * Width,
            num_hidden_layers = 1,
            num_attention_heads = 2,
            max_position_embeddings = Positions,
            hidden_act = "quick_gelu",
        }));
        File.WriteAllText(Path.Combine(folder, "vocab.json"), JsonSerializer.Serialize(words.Select((word, id) => (word, id)).ToDictionary()));
        File.WriteAllText(Path.Combine(folder, "merges.txt"), "#version: 0.2\n");
    }

    // The letters that byte-level tokenizers write bytes with.
    private static int ByteLetter(int value)
    {
        static bool Prints(int letter) => letter is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE and <= 0xFF;
        return Prints(value) ? value : 256 + Enumerable.Range(0, value).Count(letter => !Prints(letter));
    }
}
