using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Files;
using Aperture.Models;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit.Training;

/// <summary>A model's folder in diffusers' layout, part by part.</summary>
/// <param name="path">The folder.</param>
internal sealed class DiffusionFolder(string path)
{
    public const string UNet = "unet", Pictures = "vae", Text = "text_encoder";

    private const string Tokenizer = "tokenizer", Scheduler = "scheduler", Index = "model_index.json", Prediction = "prediction_type";

    private static readonly JsonSerializerOptions _indented = new() { WriteIndented = true };

    /// <summary>The weights of a part; the caller disposes them.</summary>
    public IWeightSource Open(string part) => WeightFiles.Open(Path.Combine(path, part));

    /// <summary>The configuration of a part.</summary>
    public JsonElement Config(string part) => ModelFolder.ReadJson(ConfigFile(part));

    /// <summary>The configuration file of a part.</summary>
    public string ConfigFile(string part) => Path.Combine(path, part, ModelFolder.ConfigFile);

    /// <summary>Copies all of a model into this folder, except parts that are written anew.</summary>
    /// <param name="from">The model's folder.</param>
    /// <param name="except">Those parts.</param>
    public void Take(string from, IReadOnlyCollection<string> except)
    {
        Directory.CreateDirectory(path);
        foreach (string part in new[] { UNet, Pictures, Text, Tokenizer, Scheduler }.Except(except).Where(part => Directory.Exists(Path.Combine(from, part))))
        {
            Directory.CreateDirectory(Path.Combine(path, part));
            foreach (string file in Directory.EnumerateFiles(Path.Combine(from, part)))
            {
                File.Copy(file, Path.Combine(path, part, Path.GetFileName(file)), overwrite: true);
            }
        }

        if (File.Exists(Path.Combine(from, Index)))
        {
            File.Copy(Path.Combine(from, Index), Path.Combine(path, Index), overwrite: true);
        }
    }

    /// <summary>Writes a part.</summary>
    /// <param name="part">The part.</param>
    /// <param name="config">Its configuration.</param>
    /// <param name="tensors">Its tensors by published name; borrowed.</param>
    /// <param name="half">Whether matrices are written in half precision.</param>
    public void Write(string part, JsonObject config, IReadOnlyDictionary<string, Tensor> tensors, bool half)
    {
        Directory.CreateDirectory(Path.Combine(path, part));
        AtomicFile.Write(ConfigFile(part), JsonSerializer.SerializeToUtf8Bytes(config, _indented));
        SafetensorsWriter.Save(
            Path.Combine(path, part, part == Text ? "model.safetensors" : "diffusion_pytorch_model.safetensors"), tensors, half: half);
    }

    /// <summary>Writes what names the parts, and the schedule, which are Stable Diffusion 1's.</summary>
    public void WriteIndex()
    {
        JsonArray Class(string library, string name) => [library, name];
        JsonObject index = new()
        {
            ["_class_name"] = "StableDiffusionPipeline",
            ["scheduler"] = Class("diffusers", "PNDMScheduler"),
            [Text] = Class("transformers", "CLIPTextModel"),
            [Tokenizer] = Class("transformers", "CLIPTokenizer"),
            [UNet] = Class("diffusers", "UNet2DConditionModel"),
            [Pictures] = Class("diffusers", "AutoencoderKL"),
        };
        Directory.CreateDirectory(path);
        AtomicFile.Write(Path.Combine(path, Index), JsonSerializer.SerializeToUtf8Bytes(index, _indented));
        WriteSchedule(StableDiffusionSchedule());
    }

    /// <summary>Writes into the schedule what the UNet predicts.</summary>
    /// <param name="velocity">Velocity, or else noise.</param>
    public void WritePrediction(bool velocity)
    {
        JsonObject schedule = File.Exists(ScheduleFile) ? JsonObject.Create(ModelFolder.ReadJson(ScheduleFile))! : StableDiffusionSchedule();
        schedule[Prediction] = velocity ? "v_prediction" : "epsilon";
        WriteSchedule(schedule);
    }

    /// <summary>The folder of the tokenizer.</summary>
    public string TokenizerFolder => Path.Combine(path, Tokenizer);

    /// <summary>The configuration of a part as an object that can be changed.</summary>
    public JsonObject EditableConfig(string part) => JsonObject.Create(Config(part))!;

    private string ScheduleFile => Path.Combine(path, Scheduler, "scheduler_config.json");

    private static JsonObject StableDiffusionSchedule() => new()
    {
        ["_class_name"] = "PNDMScheduler",
        ["beta_start"] = 0.00085,
        ["beta_end"] = 0.012,
        ["beta_schedule"] = "scaled_linear",
        ["num_train_timesteps"] = 1000,
        ["set_alpha_to_one"] = false,
        ["skip_prk_steps"] = true,
        ["steps_offset"] = 1,
    };

    private void WriteSchedule(JsonObject schedule)
    {
        Directory.CreateDirectory(Path.Combine(path, Scheduler));
        AtomicFile.Write(ScheduleFile, JsonSerializer.SerializeToUtf8Bytes(schedule, _indented));
    }
}
