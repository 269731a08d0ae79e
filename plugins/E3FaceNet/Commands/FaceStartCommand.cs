using System.Text.Json;
using Aperture.Diffusion;
using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Plugins.E3FaceNet.Text;
using Aperture.Plugins.E3FaceNet.Training;
using Aperture.Text;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Commands;

/// <summary><c>aperture face-start</c>: writes a generator and a discriminator before training, for the sentences of a CLIP.</summary>
internal sealed class FaceStartCommand : IPluginCommand
{
    public const string Verb = "face-start";

    private const int ChannelBase = 32768, MostPicture = 1024, TextHeads = 4, TimesWider = 4;

    public string Name => Verb;

    public string Summary => "Write an untrained E3-FaceNet generator and its discriminator.";

    public IReadOnlyList<CommandParameter> Arguments { get; } =
    [
        new("clip", "CLIP's text encoder that sentences will go through, folder or file; or the training's samples (.jsonl), for a small one of their words.")
        {
            Required = true,
        },
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
        new("attention", "Width of the enhancer's attention, a multiple of its heads.") { Type = CommandValue.Integer, Default = "512" },
        new("samples", "Samples of a ray through the face.") { Type = CommandValue.Integer, Default = "14" },
        new("extra", "Side of the square of extra rays in training, a power of two up to the side of pictures; 0 for none.")
        {
            Type = CommandValue.Integer, Default = "16",
        },
        new("heads", "Heads of the enhancer's attention.") { Type = CommandValue.Integer, Default = "8" },
        new("mapping-layers", "Layers of the mapping network.") { Type = CommandValue.Integer, Default = "8" },
        new("mapping-rate", "Factor on its learning rate.") { Type = CommandValue.Number, Default = "0.01" },
        new("face-layers", "Layers of the face's network.") { Type = CommandValue.Integer, Default = "8" },
        new("octaves", "Octaves of the encoding of points.") { Type = CommandValue.Integer, Default = "10" },
        new("density", "Factor on the weights of the face's density.") { Type = CommandValue.Number, Default = "1" },
        new("fog", "Density everywhere at first, which keeps a face from vanishing before it is formed.") { Type = CommandValue.Number, Default = "0" },
        new("text-width", "Width of a small text encoder, a multiple of its 4 heads.") { Type = CommandValue.Integer, Default = "64" },
        new("text-layers", "Its layers.") { Type = CommandValue.Integer, Default = "2" },
        new("longest", "Its tokens of the longest sentence, both ends among them.") { Type = CommandValue.Integer, Default = "32" },
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
        int channels = Whole("channels", 4, 4), samples = Whole("samples", 4), heads = Whole("heads", 1), attention = Whole("attention", heads, heads);
        double Factor(string name) => context.Number(name) is > 0 and <= 1000 and double value
            ? value : throw new ApertureException($"{Verb}: --{name} is {context.Text(name)}; give a number above 0, at most 1000.");
        int Channels(int side) => Math.Min(ChannelBase / side, channels);
        string folder = context.Text("output")!, clip = context.Text("clip")!;
        if (Path.GetExtension(clip) == ".jsonl")
        {
            ClipTextConfig sizes = new()
            {
                HiddenSize = Whole("text-width", TextHeads, TextHeads),
                IntermediateSize = TimesWider * Whole("text-width", TextHeads, TextHeads),
                Layers = Whole("text-layers", 1),
                Heads = TextHeads,
                Positions = Whole("longest", 3),
            };
            IEnumerable<string> sentences = SampleSentences.Read(clip);
            clip = Path.Combine(folder, FaceFactory.ClipFolder);
            FaceText.Begin(clip, sentences, sizes, context.Integer("seed") ?? 0);
        }

        using FaceText text = FaceText.Open(clip, context.Text("tokenizer"), CPU);
        int[] sides = [.. Enumerable.Range(1, int.Log2(picture / volume)).Select(level => volume << level)];
        FaceConfig config = new()
        {
            Noise = Whole("width", 1),
            Text = text.PooledWidth,
            Token = text.TokenWidth,
            Style = Whole("width", 1),
            MappingLayers = Whole("mapping-layers", 1),
            Octaves = Whole("octaves", 1),
            FaceWidth = Whole("face", 1),
            FaceLayers = Whole("face-layers", 1),
            BackgroundWidth = Whole("behind", 1),
            BackgroundLayers = 4,
            BackgroundNoise = 32,
            Features = Whole("features", 1),
            Volume = volume,
            Resolutions = sides,
            Channels = [.. sides.Select(Channels)],
            AttentionWidth = attention,
            Settings = new FaceSettings { RaySamples = samples, RegularisedSide = extra, Heads = heads, MappingRate = Factor("mapping-rate") },
        };
        Directory.CreateDirectory(folder);
        using TorchRandom random = new(context.Integer("seed") ?? 0);
        FaceStart start = new(config, random, Factor("density"), Fog(context));
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

    private static double Fog(ICommandContext context)
        => context.Number("fog") is >= 0 and <= 1000 and double fog
            ? fog : throw new ApertureException($"{Verb}: --fog is {context.Text("fog")}; give 0 to 1000.");

    private static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw new ApertureException($"{Verb}: {message}");
        }
    }
}
