using System.Text.Json.Nodes;
using Aperture.Decoding;
using Aperture.Diffusion;
using Aperture.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit.Training;

/// <summary>
/// <c>aperture diffusion-start</c>: writes a latent diffusion model before training, with the vocabulary of the sentences that it is to be trained on.
/// </summary>
internal sealed class DiffusionStartCommand : IPluginCommand
{
    public const string Verb = "diffusion-start";

    private const int LatentChannels = 4, Groups = 8, TimesWider = 4;

    public string Name => Verb;

    public string Summary => "Write an untrained latent diffusion model and the vocabulary of the sentences that it is to be trained on.";

    public IReadOnlyList<CommandParameter> Arguments =>
    [
        new("samples", "The training's samples: JSON lines with text or captions.") { Required = true, ValueName = "file" },
        new("output", "Folder to write to, in diffusers' layout.") { Required = true, ValueName = "folder" },
    ];

    public IReadOnlyList<CommandParameter> Options =>
    [
        new("side", "Side of the pictures in pixels.") { Type = CommandValue.Integer, Default = "96" },
        new("pictures", "Channels of the autoencoder's levels, the largest map first; each further one halves the latent.")
        {
            Default = "32,64",
            ValueName = "list",
        },
        new("channels", "Channels of the UNet's levels; all but the largest map have attention.") { Default = "32,64,96", ValueName = "list" },
        new("heads", "Attention heads, of the UNet and of the text encoder.") { Type = CommandValue.Integer, Default = "4" },
        new("text-width", "Width of the text encoder.") { Type = CommandValue.Integer, Default = "96" },
        new("text-layers", "Layers of the text encoder.") { Type = CommandValue.Integer, Default = "2" },
        new("longest", "Tokens of the longest sentence, both ends among them.") { Type = CommandValue.Integer, Default = "40" },
        new("seed", "Seed.") { Type = CommandValue.Integer, Default = "1" },
    ];

    public Task<int> RunAsync(ICommandContext context, CancellationToken cancellationToken)
    {
        int Positive(string name) => context.Integer(name) is > 0 and int value
            ? value : throw new ApertureException($"{Verb}: --{name} is {context.Text(name)}; give a number above 0.");
        int[] pictures = Sizes(context, "pictures"), channels = Sizes(context, "channels");
        int side = Positive("side"), heads = Positive("heads"), width = Positive("text-width"), stride = 1 << (pictures.Length - 1);
        if (side % (stride << (channels.Length - 1)) != 0 || width % heads != 0)
        {
            throw new ApertureException(
                $"{Verb}: --side {side} must be a multiple of {stride << (channels.Length - 1)}, and --text-width {width} of the {heads} heads.");
        }

        ClipVocabulary vocabulary = ClipVocabulary.OfSentences(SampleSentences.Read(context.Text("samples")!));
        ClipTextConfig text = new()
        {
            Vocabulary = vocabulary.Tokens.Count,
            HiddenSize = width,
            IntermediateSize = TimesWider * width,
            Layers = Positive("text-layers"),
            Heads = heads,
            Positions = Positive("longest"),
        };
        bool[] attends = [.. channels.Select((_, level) => level > 0)];
        UNetConfig unet = new()
        {
            SampleSize = side / stride,
            Inputs = LatentChannels,
            Outputs = LatentChannels,
            Channels = channels,
            DownAttention = attends,
            UpAttention = [.. attends.Reverse()],
            Heads = [.. channels.Select(_ => heads)],
            BlocksPerLevel = 1,
            Groups = Groups,
            TextWidth = width,
        };
        AutoencoderConfig autoencoder = new() { Channels = pictures, BlocksPerLevel = 1, LatentChannels = LatentChannels, Groups = Groups, Scale = 1 };
        unet.Validate(Verb);
        autoencoder.Validate(Verb);
        string output = context.Text("output")!;
        Write(new DiffusionFolder(output), vocabulary, (text, unet, autoencoder), context.Integer("seed") ?? 0);
        context.WriteLine($"{vocabulary.Tokens.Count} tokens, {Path.GetFullPath(output)}");
        return Task.FromResult(0);
    }

    private static void Write(
        DiffusionFolder folder, ClipVocabulary vocabulary, (ClipTextConfig Text, UNetConfig UNet, AutoencoderConfig Pictures) sizes, long seed)
    {
        using DisposeScope scope = NewDisposeScope();
        WeightPolicy policy = WeightPolicy.For(CPU, ScalarType.Float32, ScalarType.Float32);
        folder.WriteIndex();
        vocabulary.Write(folder.TokenizerFolder, sizes.Text.Positions);
        using Generator generator = new(unchecked((ulong)seed), CPU);
        using ClipTextEncoder text = ClipTextEncoder.Begin(sizes.Text, policy, generator);
        using UNet unet = UNet.Fresh(sizes.UNet, policy, seed);
        using Autoencoder pictures = Autoencoder.Fresh(sizes.Pictures, policy, seed);
        folder.Write(DiffusionFolder.Text, sizes.Text.ToJson(), text.Tensors, half: false);
        folder.Write(DiffusionFolder.UNet, Config(sizes.UNet), unet.Tensors, half: false);
        folder.Write(DiffusionFolder.Pictures, Config(sizes.Pictures), pictures.Tensors, half: false);
    }

    private static JsonObject Config(UNetConfig config) => new()
    {
        ["_class_name"] = "UNet2DConditionModel",
        ["sample_size"] = config.SampleSize,
        ["in_channels"] = config.Inputs,
        ["out_channels"] = config.Outputs,
        ["block_out_channels"] = List(config.Channels),
        ["down_block_types"] = List(config.DownAttention.Select(attends => attends ? "CrossAttnDownBlock2D" : "DownBlock2D")),
        ["up_block_types"] = List(config.UpAttention.Select(attends => attends ? "CrossAttnUpBlock2D" : "UpBlock2D")),
        ["attention_head_dim"] = config.Heads[0],
        ["layers_per_block"] = config.BlocksPerLevel,
        ["norm_num_groups"] = config.Groups,
        ["cross_attention_dim"] = config.TextWidth,
    };

    private static JsonObject Config(AutoencoderConfig config) => new()
    {
        ["_class_name"] = "AutoencoderKL",
        ["block_out_channels"] = List(config.Channels),
        ["down_block_types"] = List(config.Channels.Select(_ => "DownEncoderBlock2D")),
        ["up_block_types"] = List(config.Channels.Select(_ => "UpDecoderBlock2D")),
        ["layers_per_block"] = config.BlocksPerLevel,
        ["latent_channels"] = config.LatentChannels,
        ["norm_num_groups"] = config.Groups,
        ["scaling_factor"] = config.Scale,
    };

    private static JsonArray List<T>(IEnumerable<T> values) => [.. values.Select(value => (JsonNode?)JsonValue.Create(value))];

    private static int[] Sizes(ICommandContext context, string name)
    {
        string text = context.Text(name)!;
        int[] sizes = [.. text.Split(',').Select(part => int.TryParse(part, out int size) ? size : 0)];
        return sizes.All(size => size > 0 && size % Groups == 0)
            ? sizes
            : throw new ApertureException($"{Verb}: --{name} is {text}; give multiples of {Groups} with commas between, such as 32,64.");
    }
}
