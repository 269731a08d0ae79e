using System.Text.Json.Nodes;
using Aperture.Hub;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;

namespace Aperture.Plugins.FlashSloth.Tests;

/// <summary>The recorded tiny FlashSloth-HD as a folder that says what the published constants do not: the tower's sizes and the base token.</summary>
public sealed class TinyFlashSloth : IDisposable
{
    /// <param name="change">Changes config.json; null for none.</param>
    /// <param name="leave">A file that is left out; null for none.</param>
    public TinyFlashSloth(Action<JsonObject>? change = null, string? leave = null)
    {
        foreach (string file in Directory.EnumerateFiles(Checkout("tests", "Golden", "data", "flashsloth", "ckpt_tiny")))
        {
            if (Path.GetFileName(file) != leave)
            {
                File.Copy(file, Path.Combine(Folder, Path.GetFileName(file)));
            }
        }

        string path = Path.Combine(Folder, "config.json");
        File.SetAttributes(path, FileAttributes.Normal);
        JsonObject config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        config["query_base_token"] = 64;
        config["max_position_embeddings"] = 1024; // room for a picture whose patches are not pooled
        config["vision_config"] = JsonNode.Parse(
            """
            { "model_type": "siglip_vision_model", "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 4, "num_attention_heads": 4,
              "image_size": 132, "patch_size": 14, "layer_norm_eps": 1e-6, "hidden_act": "gelu_pytorch_tanh" }
            """);
        change?.Invoke(config);
        File.WriteAllText(path, config.ToJsonString());
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("aperture-flashsloth").FullName;

    /// <summary>A session with the plugins beside the tests, in float32.</summary>
    public static EngineSession Open(string? prompt = null)
        => EngineSessions.Open(new ModelOptions { Type = "float32", Threads = 1, Prompt = prompt });

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    /// <summary>A path in the checkout.</summary>
    internal static string Checkout(params string[] parts)
    {
        DirectoryInfo folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Host.sln")))
        {
            folder = folder.Parent!;
        }

        return Path.Combine([folder.FullName, .. parts]);
    }
}
