using System.Text.Json;
using Aperture.Diffusion;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.InstDiffEdit;

/// <summary>
/// The models of a case, written as a checkpoint in diffusers' layout and opened through the public door. A part's configuration is the case's own, or that of
/// the file with its weights.
/// </summary>
internal sealed class RecordedModel : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-diffusion-").FullName;
    private readonly GoldenCase _golden;

    public RecordedModel(GoldenCase golden)
    {
        _golden = golden;
        Model = Open("unet");
        Painter = golden.Meta.GetProperty("weights").TryGetProperty("unet_inpaint", out _) ? Open("unet_inpaint") : null;
    }

    public DiffusionModel Model { get; }

    public DiffusionModel? Painter { get; }

    public void Dispose()
    {
        Model.Dispose();
        Painter?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private DiffusionModel Open(string unet)
    {
        string folder = Path.Combine(_folder, unet);
        Write(folder, "unet", unet, "diffusion_pytorch_model.safetensors");
        Write(folder, "vae", "vae", "diffusion_pytorch_model.safetensors");
        Write(folder, "text_encoder", "text_encoder", "model.safetensors");
        string tokenizer = _golden.Config.TryGetProperty("tokenizer", out JsonElement named) ? named.GetString()! : "checkpoint/tokenizer";
        DiffusionModelOptions options = new() { Type = ScalarType.Float32, Tokenizer = _golden.FileBeside(tokenizer), RepairText = false };
        return DiffusionModel.Open(folder, options);
    }

    private void Write(string folder, string part, string weights, string file)
    {
        string target = Directory.CreateDirectory(Path.Combine(folder, part)).FullName;
        File.WriteAllText(Path.Combine(target, "config.json"), Configuration(weights));
        using DisposeScope scope = NewDisposeScope();
        IWeightSource source = _golden.Weights(weights);
        SafetensorsWriter.Save(Path.Combine(target, file), source.Names.ToDictionary(name => name, name => source.Load(name)));
    }

    private string Configuration(string part)
    {
        if (_golden.Config.TryGetProperty(part, out JsonElement own) && own.ValueKind == JsonValueKind.Object)
        {
            return own.GetRawText();
        }

        string file = _golden.Meta.GetProperty("weights").GetProperty(part).GetString()!;
        using JsonDocument meta = GoldenFile.ReadMeta(_golden.FileBeside(file))!;
        return meta.RootElement.GetProperty("config").GetRawText();
    }
}
