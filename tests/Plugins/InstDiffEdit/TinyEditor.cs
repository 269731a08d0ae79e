using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Diffusion;
using Aperture.Tasks;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit.Tests;

/// <summary>
/// The recorded tiny checkpoint (pictures of 64 pixels, latents of 8, words attended to on maps of 8), beside it an inpainting one, and a picture.
/// </summary>
public sealed class TinyEditor : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-instdiffedit-").FullName;

    public TinyEditor()
    {
        Inpainting = Path.Combine(_folder, "inpainting");
        foreach (string part in (string[])["vae", "text_encoder", "tokenizer", "scheduler"])
        {
            Copy(Path.Combine(Checkpoint, part), Path.Combine(Inpainting, part));
        }

        WriteInpaintingUNet(Directory.CreateDirectory(Path.Combine(Inpainting, "unet")).FullName);
    }

    public static string Checkpoint { get; } = Repository.Path("tests", "Golden", "data", "instdiffedit", "checkpoint");

    public static Picture Photo { get; } = new(Enumerable.Range(0, 96 * 80 * 3).Select(i => (byte)((i * 7) ^ (i / 240))).ToArray(), 80, 96);

    public string Inpainting { get; }

    public string Folder => _folder;

    /// <summary>Opens an editor; maps of 8 are taken unless the options say otherwise.</summary>
    internal DiffusionEditor Open(object? options = null, bool paints = true)
    {
        JsonObject json = JsonSerializer.SerializeToNode(options ?? new { })!.AsObject();
        json.TryAdd("MapResolution", 8);
        json.TryAdd("Type", "float32");
        json.TryAdd("InpaintSteps", 4);
        if (paints)
        {
            json.TryAdd("Inpaint", Inpainting);
        }

        return (DiffusionEditor)new EditorFactory().Open(Checkpoint, JsonElement.Parse(json.ToJsonString()), CPU, new AnyFiles());
    }

    internal static EditRequest Request(string target = "a red dog") => new() { Target = target, Steps = 8, Strength = 0.5, Seed = 7 };

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    internal static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string file in Directory.EnumerateFiles(from))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }
    }

    // The UNet with five more input channels.
    private static void WriteInpaintingUNet(string folder)
    {
        string from = Path.Combine(Checkpoint, "unet");
        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(from, "config.json")))!;
        config["in_channels"] = 9;
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
        using DisposeScope scope = NewDisposeScope();
        using IWeightSource source = WeightFiles.Open(from);
        using TorchRandom random = new(3);
        Dictionary<string, Tensor> tensors = source.Names.ToDictionary(name => name, name => source.Load(name));
        Tensor first = tensors["conv_in.weight"];
        tensors["conv_in.weight"] = cat([first, random.Normal(first.size(0), 5, 3, 3).mul(0.1)], 1);
        SafetensorsWriter.Save(Path.Combine(folder, "diffusion_pytorch_model.safetensors"), tensors);
    }

    private sealed class AnyFiles : IMethodFiles
    {
        public string? ModelFolder => null;

        public string Resolve(string path) => Path.Exists(path) ? path : throw new ApertureException($"There is no '{path}'.");
    }
}
