using System.Text.Json;
using Aperture.Diffusion;
using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Plugins.E3FaceNet.Text;
using Aperture.Plugins.E3FaceNet.Training;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Commands;

/// <summary><c>aperture face-start</c>: writes a generator and a discriminator before training, for the sentences of a CLIP.</summary>
internal sealed class FaceStartCommand : IPluginCommand
{
    public const string Verb = "face-start";

    private const int ChannelBase = 32768, MostPicture = 1024;

    public string Name => Verb;

    public string Summary => "Write an untrained E3-FaceNet generator and its discriminator.";

    public IReadOnlyList<CommandParameter> Arguments { get; } =
    [
        new("clip", "CLIP's text encoder that sentences will go through: folder or file.") { Required = true },
        new("output", "Folder to write to.") { Required = true, ValueName = "folder" },
    ];

    public IReadOnlyList<CommandParameter> Options { get; } =
    [
        new("tokenizer", "Folder with the tokenizer, where it does not lie with CLIP.") { ValueName = "folder" },
        new("picture", "Side of pictures, a power of two.") { Type = CommandValue.Integer, Default = "512" },
        new("volume", "Side of the map of rays, a power of two below it.") { Type = CommandValue.Integer, Default = "32" },
        new("channels", "Channels of blocks at most, a multiple of 4.") { Type = CommandValue.Integer, Default = "512" },
        new("width", "Width of noise and styles.") { Type = CommandValue.Integer, Default = "512" },
        new("face", "Width of the face's network.") { Type = CommandValue.Integer, Default = "128" },
        new("behind", "Width of the background's network.") { Type = CommandValue.Integer, Default = "64" },
        new("features", "Channels of the map of rays.") { Type = CommandValue.Integer, Default = "64" },
        new("attention", "Width of the enhancer's attention, a multiple of 8.") { Type = CommandValue.Integer, Default = "512" },
        new("samples", "Samples of a ray through the face.") { Type = CommandValue.Integer, Default = "14" },
        new("extra", "Side of the square of extra rays in training, a power of two up to the side of pictures; 0 for none.")
        {
            Type = CommandValue.Integer, Default = "16",
        },
        new("seed", "Seed.") { Type = CommandValue.Integer, Default = "42" },
    ];

    public Task<int> RunAsync(ICommandContext context, CancellationToken cancellationToken)
    {
        int Whole(string name, int least, int multiple = 1) => context.Integer(name) is { } value && value >= least && value % multiple == 0
            ? value
            : throw new ApertureException(
                $"{Verb}: --{name} is {context.Text(name)}; give {least} or more{(multiple > 1 ? $", a multiple of {multiple}" : "")}.");
        int picture = Whole("picture", 8), volume = Whole("volume", 4), extra = Whole("extra", 0);
        Require(int.IsPow2(picture) && picture <= MostPicture, $"--picture is {picture}; give a power of two up to {MostPicture}.");
        Require(int.IsPow2(volume) && volume < picture, $"--volume is {volume}; give a power of two below the {picture} of --picture.");
        Require(extra == 0 || (int.IsPow2(extra) && extra <= picture), $"--extra is {extra}; give a power of two up to {picture}, or 0.");
        int channels = Whole("channels", 4, 4), samples = Whole("samples", 4);
        int Channels(int side) => Math.Min(ChannelBase / side, channels);
        using FaceText text = FaceText.Open(context.Text("clip")!, context.Text("tokenizer"), CPU);
        int[] sides = [.. Enumerable.Range(1, int.Log2(picture / volume)).Select(level => volume << level)];
        FaceConfig config = new()
        {
            Noise = Whole("width", 1),
            Text = text.PooledWidth,
            Token = text.TokenWidth,
            Style = Whole("width", 1),
            MappingLayers = 8,
            Octaves = 10,
            FaceWidth = Whole("face", 1),
            FaceLayers = 8,
            BackgroundWidth = Whole("behind", 1),
            BackgroundLayers = 4,
            BackgroundNoise = 32,
            Features = Whole("features", 1),
            Volume = volume,
            Resolutions = sides,
            Channels = [.. sides.Select(Channels)],
            AttentionWidth = Whole("attention", 8, 8),
            Settings = new FaceSettings { RaySamples = samples, RegularisedSide = extra },
        };
        string folder = context.Text("output")!;
        Directory.CreateDirectory(folder);
        using TorchRandom random = new(context.Integer("seed") ?? 0);
        FaceStart start = new(config, random);
        Write(Path.Combine(folder, "discriminator.safetensors"), start.Discriminator(Channels), []);
        long weights = Write(Path.Combine(folder, "face.safetensors"), start.Generator(), new Dictionary<string, string>
        {
            [FaceConfig.SettingsKey] = JsonSerializer.Serialize(config.Settings, FaceJson.Default.FaceSettings),
        });
        context.WriteLine($"{Path.Combine(folder, "face.safetensors")}: {weights / 1e6:0.0} M weights, and discriminator.safetensors beside it");
        return Task.FromResult(0);
    }

    private static long Write(string path, Dictionary<string, Tensor> tensors, Dictionary<string, string> metadata)
    {
        try
        {
            SafetensorsWriter.Save(path, tensors, metadata);
            return tensors.Values.Sum(tensor => tensor.numel());
        }
        finally
        {
            foreach (Tensor tensor in tensors.Values)
            {
                tensor.Dispose();
            }
        }
    }

    private static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw new ApertureException($"{Verb}: {message}");
        }
    }
}
