using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Text;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>
/// A latent diffusion model under a text: tokenizer, text encoder, UNet, autoencoder and noise schedule. Opens Stable Diffusion 1 checkpoints in diffusers'
/// folders and in the original single file, and models of other sizes in the same layouts. Owns its parts.
/// </summary>
public sealed class DiffusionModel : IDisposable
{
    private const string UNetFile = "diffusion_pytorch_model", TextFile = "pytorch_model";

    private readonly List<IDisposable> _owned;

    // The UNet's, and that of the other parts; all three hold for a UNet that is opened later, too.
    private readonly WeightPolicy _matrices, _policy;
    private readonly Action<string> _tell;

    private DiffusionModel(string path, DiffusionModelOptions options, List<IDisposable> owned)
    {
        _owned = owned;
        bool folder = Directory.Exists(path);
        _tell = options.Tell ?? (_ => { });
        (IWeightSource Weights, UNetConfig Config) unet;
        (IWeightSource Weights, AutoencoderConfig Config) pictures;
        (IWeightSource Weights, ClipTextConfig Config) text;
        if (folder)
        {
            unet = Part(Path.Combine(path, "unet"), [UNetFile], UNetConfig.Parse, KnownSettings.UNet);
            pictures = Part(Path.Combine(path, "vae"), [UNetFile], AutoencoderConfig.Parse, KnownSettings.Autoencoder);
            text = TextPart(path);
        }
        else
        {
            IWeightSource source = Own(WeightFiles.Open(path, new WeightFileOptions { Lenient = true }));
            if (!OriginalLayout.Is(source))
            {
                throw new ApertureException(
                    $"{path} is no Stable Diffusion checkpoint: it lacks model.diffusion_model.* or first_stage_model.*; give a complete one, or a folder in "
                    + "diffusers' layout.");
            }

            (unet, pictures, text) = (OriginalLayout.UNet(source), OriginalLayout.Autoencoder(source), OriginalLayout.Text(source));
        }

        ScalarType stored = unet.Weights.Describe("conv_in.weight").ScalarType;
        WeightPolicy policy = WeightPolicy.For(options.Device ?? CPU, options.Type, stored) with { Cancellation = options.Cancellation };
        _policy = policy with { Storage = policy.Compute };
        _matrices = WeightPolicy.InFormat(Path.GetFileName(path), options.Weights, policy.Device, policy.Compute, _owned) with
        {
            Cancellation = options.Cancellation,
        };
        Schedule = options.Schedule ?? (folder && File.Exists(SchedulerFile(path)) ? ReadSchedule(SchedulerFile(path)) : new NoiseSchedule());
        Tokenizer = Tokenizers.FromFolder(
            options.Tokenizer ?? (folder ? Path.Combine(path, "tokenizer") : Path.GetDirectoryName(path)!),
            new TokenizerOptions { Class = "CLIPTokenizer", RepairText = options.RepairText, SplitPunctuation = true });
        UNet = Own(Diffusion.UNet.Load(unet.Weights, unet.Config, _matrices));
        _matrices.TellWhereNothingGains(Path.GetFileName(path), _tell);
        Pictures = Own(Autoencoder.Load(pictures.Weights, pictures.Config, _policy));
        Text = Own(ClipTextEncoder.Load(text.Weights, text.Config, _policy));
        Check();
    }

    private DiffusionModel(DiffusionModel other, string unet, List<IDisposable> owned)
    {
        (_owned, _matrices, _policy, _tell) = (owned, other._matrices, other._policy, other._tell);
        (Tokenizer, Text, Pictures) = (other.Tokenizer, other.Text, other.Pictures);
        if (Directory.Exists(TextFolder(unet)))
        {
            (IWeightSource Weights, ClipTextConfig Config) text = TextPart(unet);
            Text = Own(ClipTextEncoder.Load(text.Weights, text.Config, _policy));
        }

        Schedule = File.Exists(SchedulerFile(unet)) ? ReadSchedule(SchedulerFile(unet)) : other.Schedule;
        (IWeightSource weights, UNetConfig config) = Part(unet, [UNetFile], UNetConfig.Parse, KnownSettings.UNet);
        UNet = Own(Diffusion.UNet.Load(weights, config, _matrices));
        Check();
    }

    /// <summary>The tokenizer of the text encoder.</summary>
    public ITokenizer Tokenizer { get; }

    /// <summary>The text encoder.</summary>
    public ClipTextEncoder Text { get; }

    /// <summary>The UNet.</summary>
    public UNet UNet { get; }

    /// <summary>The autoencoder.</summary>
    public Autoencoder Pictures { get; }

    /// <summary>How much noise the UNet was trained with.</summary>
    public NoiseSchedule Schedule { get; }

    /// <summary>Side in pixels of the pictures that the model was made for.</summary>
    public int PictureSize => UNet.Config.SampleSize * Pictures.Config.Stride;

    /// <summary>Opens a checkpoint.</summary>
    /// <param name="path">A folder with <c>unet</c>, <c>vae</c>, <c>text_encoder</c> and <c>tokenizer</c>, or a single file.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <returns>The model; the caller disposes it.</returns>
    /// <exception cref="ApertureException">Something is missing or does not fit together.</exception>
    public static DiffusionModel Open(string path, DiffusionModelOptions? options = null)
        => Opened(parts => new DiffusionModel(path, options ?? new(), parts));

    /// <summary>This model with another UNet, such as an inpainting one, which shares all else that its folder has not.</summary>
    /// <param name="folder">
    /// The UNet's folder in diffusers' layout: <c>config.json</c> and weights, <c>scheduler/scheduler_config.json</c> where its noise is another, and
    /// <c>text_encoder</c> where it was trained with one of its own.
    /// </param>
    /// <returns>The model; the caller disposes it, before this one.</returns>
    /// <exception cref="ApertureException">Something is missing, or the UNet does not fit this model's other parts.</exception>
    public DiffusionModel WithUNet(string folder) => Opened(parts => new DiffusionModel(this, folder, parts));

    /// <summary>Whether a folder holds such a model, by its files' names.</summary>
    /// <param name="has">Whether the folder has a file of a name.</param>
    public static bool IsFolder(Func<string, bool> has) => has("unet/config.json") && has("vae/config.json") && has("text_encoder/config.json");

    /// <summary>Whether a folder holds a UNet alone, by its configuration.</summary>
    /// <param name="folder">The folder.</param>
    public static bool IsUNet(string folder)
        => File.Exists(Path.Combine(folder, ModelFolder.ConfigFile))
            && ModelFolder.ReadJson(Path.Combine(folder, ModelFolder.ConfigFile)) is { ValueKind: JsonValueKind.Object } config
            && config.TryGetProperty("_class_name", out JsonElement name) && name.ValueEquals("UNet2DConditionModel");

    /// <summary>Whether a weights file is such a model in the original layout, by its tensors' names.</summary>
    /// <param name="source">The file.</param>
    public static bool IsFile(IWeightSource source) => OriginalLayout.Is(source);

    /// <summary>A text as the encoder takes it: padded to all of its positions, cut where it is longer.</summary>
    /// <param name="text">The text; empty for none.</param>
    /// <returns>int64 <c>[1, positions]</c>; the caller disposes it.</returns>
    public Tensor Ids(string text)
    {
        (Tensor ids, Tensor mask) = EncoderText.Batch([EncoderText.Encode(Tokenizer, text, Text.Config.Positions)]);
        mask.Dispose();
        return ids;
    }

    /// <summary>The rows of a text, padding included.</summary>
    /// <param name="text">The text; empty for none.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns>float32 <c>[1, positions, D]</c>; the caller disposes it.</returns>
    public Tensor Encode(string text, CancellationToken cancellationToken = default)
    {
        using DisposeScope scope = NewDisposeScope();
        return Text.Run(Ids(text), cancellationToken: cancellationToken).to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    /// <summary>Disposes the parts.</summary>
    public void Dispose() => Close(_owned);

    private static DiffusionModel Opened(Func<List<IDisposable>, DiffusionModel> open)
    {
        List<IDisposable> parts = [];
        try
        {
            return open(parts);
        }
        catch
        {
            Close(parts);
            throw;
        }
    }

    // Weights go before the files that their memory may be.
    private static void Close(List<IDisposable> parts)
    {
        for (int part = parts.Count - 1; part >= 0; part--)
        {
            parts[part].Dispose();
        }

        parts.Clear();
    }

    private static string TextFolder(string folder) => Path.Combine(folder, "text_encoder");

    private static string SchedulerFile(string folder) => Path.Combine(folder, "scheduler", "scheduler_config.json");

    private NoiseSchedule ReadSchedule(string file)
    {
        JsonElement json = ModelFolder.ReadJson(file);
        KnownSettings.Scheduler.Tell(json, file, _tell);
        return NoiseSchedule.Parse(json, file);
    }

    private (IWeightSource Weights, ClipTextConfig Config) TextPart(string folder)
        => Part(TextFolder(folder), ["model", TextFile], ClipTextConfig.Parse, KnownSettings.ClipText);

    private (IWeightSource Weights, T Config) Part<T>(string folder, string[] names, Func<JsonElement, string, T> parse, SettingsList settings)
    {
        string config = Path.Combine(folder, ModelFolder.ConfigFile);
        JsonElement json = ModelFolder.ReadJson(config);
        settings.Require(json, config, _tell);
        return (Own(WeightFiles.Open(WeightsOf(folder, names))), parse(json, config));
    }

    // Half-precision variants lie under names of their own, beside the full ones or instead of them.
    private static string WeightsOf(string folder, string[] names)
        => (from kind in new[] { ".safetensors", ".bin", ".fp16.safetensors", ".fp16.bin" }
            from name in names
            let path = Path.Combine(folder, name + kind)
            where File.Exists(path)
            select path).FirstOrDefault() ?? folder;

    private T Own<T>(T part)
        where T : IDisposable
    {
        _owned.Add(part);
        return part;
    }

    private void Check()
    {
        if (Text.Config.HiddenSize != UNet.Config.TextWidth)
        {
            throw new ApertureException(
                $"The UNet takes texts of width {UNet.Config.TextWidth}, but the text encoder gives {Text.Config.HiddenSize}; the parts are of different "
                + "models.");
        }

        if (Pictures.Config.LatentChannels != UNet.Config.Outputs)
        {
            throw new ApertureException(
                $"The UNet gives latents of {UNet.Config.Outputs} channels, but the autoencoder's have {Pictures.Config.LatentChannels}; the parts are of "
                + "different models.");
        }

        if (Tokenizer.VocabularySize > Text.Config.Vocabulary)
        {
            throw new ApertureException(
                $"The tokenizer has {Tokenizer.VocabularySize} tokens, but the text encoder knows {Text.Config.Vocabulary}; use the tokenizer it was trained "
                + "with.");
        }
    }
}
