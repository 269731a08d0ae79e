using Aperture.Plugins.DtNet.Data;
using Aperture.Plugins.DtNet.Model;
using Aperture.Text;
using Aperture.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Training;

/// <summary><c>aperture caption-start</c>: writes a captioner before training, with the vocabulary of the captions that it is to be trained on.</summary>
internal sealed class CaptionStartCommand : IPluginCommand
{
    public const string Verb = "caption-start";

    private const int Grid = 7, Reduction = 16;

    public string Name => Verb;

    public string Summary => "Write an untrained DTNet and the vocabulary of the captions that it is to be trained on.";

    public IReadOnlyList<CommandParameter> Arguments =>
    [
        new("samples", "The training's samples: JSON lines with text or captions.") { Required = true, ValueName = "file" },
        new("output", "Folder to write to.") { Required = true, ValueName = "folder" },
    ];

    public IReadOnlyList<CommandParameter> Options =>
    [
        new("features", "Channels of the grid vectors.") { Type = CommandValue.Integer, Default = "2048" },
        new("width", "Width of the model, a multiple of 16 and of heads.") { Type = CommandValue.Integer, Default = "512" },
        new("heads", "Attention heads.") { Type = CommandValue.Integer, Default = "8" },
        new("layers", "Encoder layers, and as many decoder layers.") { Type = CommandValue.Integer, Default = "3" },
        new("longest", "Tokens of the longest caption.") { Type = CommandValue.Integer, Default = "54" },
        new("least", "How often a word must occur to be in the vocabulary.") { Type = CommandValue.Integer, Default = "5" },
        new("words", "Where captions are cut: Treebank or Blanks.") { Default = nameof(WordSplitting.Treebank) },
        new("sinusoid", "Take the sinusoid that the authors meant for a position table instead of the random one that they trained with.")
        {
            Type = CommandValue.Flag,
        },
        new("seed", "Seed.") { Type = CommandValue.Integer, Default = "42" },
    ];

    public Task<int> RunAsync(ICommandContext context, CancellationToken cancellationToken)
    {
        int Positive(string name) => context.Integer(name) is > 0 and int value
            ? value : throw new ApertureException($"{Verb}: --{name} is {context.Text(name)}; give a number above 0.");
        if (!Enum.TryParse(context.Text("words"), ignoreCase: true, out WordSplitting words))
        {
            throw new ApertureException($"{Verb}: --words is {context.Text("words")}; give {string.Join(" or ", Enum.GetNames<WordSplitting>())}.");
        }

        Vocabulary vocabulary = Vocabulary.Make(
            SampleSentences.Read(context.Text("samples")!).Select(caption => CaptionWords.Split(caption, words)), Positive("least"));
        CaptionConfig config = Sizes(
            Positive("features"), Positive("width"), Positive("heads"), Positive("layers"), Positive("longest"), vocabulary.Words.Count);
        TrainingResult written = Write(context.Text("output")!, config, vocabulary, context.Integer("seed") ?? 0, context.Flag("sinusoid"));
        context.WriteLine($"{vocabulary.Words.Count} words, {string.Join(", ", written.Files)}");
        return Task.FromResult(0);
    }

    /// <summary>Sizes in the published proportions.</summary>
    internal static CaptionConfig Sizes(int features, int width, int heads, int layers, int longest, int words) => width % heads == 0 && width % Reduction == 0
        ? new CaptionConfig
        {
            Features = features,
            Width = width,
            Heads = heads,
            KeySize = width / heads,
            ValueSize = width / heads,
            Inner = 4 * width,
            EncoderLayers = layers,
            DecoderLayers = layers,
            Vocabulary = words,
            Positions = longest + 1,
            Grid = Grid,
            Squeezed = width / Reduction,
            RouterRows = Grid,
            RouterChannels = width / Reduction,
        }
        : throw new ApertureException($"{Verb}: --width is {width}; it must be a multiple of {Reduction} and of the {heads} heads.");

    /// <summary>Writes an untrained model.</summary>
    internal static TrainingResult Write(string folder, CaptionConfig config, Vocabulary vocabulary, long seed, bool sinusoid = false)
    {
        using Generator generator = new(unchecked((ulong)seed), CPU);
        Dictionary<string, Tensor> tensors = new CaptionStart(config, generator).Draw(sinusoid);
        try
        {
            Directory.CreateDirectory(folder);
            return CaptionExport.Write(folder, tensors, vocabulary);
        }
        finally
        {
            foreach (Tensor tensor in tensors.Values)
            {
                tensor.Dispose();
            }
        }
    }
}
