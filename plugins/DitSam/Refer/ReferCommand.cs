using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Files;
using Aperture.Images;
using Aperture.Plugins.DitSam.Dit;
using Aperture.Tasks;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Refer;

/// <summary><c>aperture refcoco</c>: scores a DIT on a split of RefCOCO, RefCOCO+ or RefCOCOg, or makes a split samples for training.</summary>
internal sealed class ReferCommand : IPluginCommand
{
    public const string Verb = "refcoco";

    private const string Annotations = "annotations", Pictures = "pictures", Masks = "masks", Split = "split", Checkpoint = "checkpoint",
    Tokenizer = "tokenizer",
        Samples = "samples", Limit = "limit", With = "options";

    public string Name => Verb;

    public string Summary => "Score a DIT on RefCOCO, RefCOCO+ or RefCOCOg, or write a split as samples for training.";

    public IReadOnlyList<CommandParameter> Arguments =>
    [
        new(Annotations, "The annotation file, such as refcoco.json.") { Required = true },
        new(Pictures, "Folder of COCO's training pictures.") { Required = true },
        new(Masks, "Folder of the masks, one NumPy file each.") { Required = true },
    ];

    public IReadOnlyList<CommandParameter> Options =>
    [
        new(Split, "The split: train, val, testA, testB, test; several with + between them.") { Default = "val" },
        new(Checkpoint, "Score this DIT: cIoU, mIoU and precision at 0.5, 0.7 and 0.9.") { ValueName = "file" },
        new(Tokenizer, "Folder with the text encoder's vocabulary; the checkpoint's by default.") { ValueName = "folder" },
        new(With, "Further options of opening, as a JSON object.") { ValueName = "json" },
        new(Samples, "Write the split here, a line of JSON for each thing.") { ValueName = "file" },
        new(Limit, "Things to take, the split's first; 0 for all.") { Type = CommandValue.Integer, Default = "0" },
    ];

    public Task<int> RunAsync(ICommandContext context, CancellationToken cancellationToken)
    {
        (string? checkpoint, string? samples) = (context.Text(Checkpoint), context.Text(Samples));
        if (checkpoint is null && samples is null)
        {
            throw new ApertureException($"{Verb} needs --{Checkpoint} FILE to score, --{Samples} FILE to write, or both.");
        }

        IReadOnlyList<ReferredThing> things = RefCoco.Read(
            context.Text(Annotations)!, context.Text(Pictures)!, context.Text(Masks)!, context.Text(Split)!);
        int limit = context.Integer(Limit) ?? 0;
        things = limit > 0 ? [.. things.Take(limit)] : things;
        if (samples is not null)
        {
            AtomicFile.Write(samples, Encoding.UTF8.GetBytes(string.Concat(things.Select(Line))));
            context.WriteLine($"{things.Count} things in {samples}");
        }

        if (checkpoint is not null)
        {
            Score(context, checkpoint, things, cancellationToken);
        }

        return Task.FromResult(0);
    }

    // Paths are absolute: samples may lie anywhere.
    private static string Line(ReferredThing thing)
    {
        JsonArray sentences = [.. thing.Sentences.Select(sentence => JsonValue.Create(sentence))];
        JsonObject line = new()
        {
            ["image"] = Path.GetFullPath(thing.Picture),
            ["text"] = thing.Sentences[0],
            ["sentences"] = sentences,
            ["mask"] = Path.GetFullPath(thing.Mask),
        };
        return line.ToJsonString() + "\n";
    }

    private static void Score(ICommandContext context, string checkpoint, IReadOnlyList<ReferredThing> things, CancellationToken cancellationToken)
    {
        string path = Path.GetFullPath(checkpoint);
        if (!File.Exists(path))
        {
            throw new ApertureException($"{DitFactory.SegmenterName}: there is no checkpoint '{checkpoint}'.");
        }

        JsonObject options = Parse(context.Text(With));
        if (context.Text(Tokenizer) is { } tokenizer)
        {
            options[nameof(DitOptions.Tokenizer)] = Path.GetFullPath(tokenizer);
        }

        using JsonDocument json = JsonDocument.Parse(options.ToJsonString());
        using ISegmenter segmenter = new DitFactory().Open(path, json.RootElement, context.Device, new FilesBeside(path));
        ReferScores scores = ReferScoring.Run(segmenter, things, done => context.Progress("masks", done, things.Count), cancellationToken);
        string Number(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
        context.Show(new CommandTable(
            ["split", "sentences", "cIoU", "mIoU", "P@0.5", "P@0.7", "P@0.9"],
            [
                [
                    context.Text(Split)!, $"{scores.Each.Count}", Number(scores.OverallIoU), Number(scores.MeanIoU),
                    .. new[] { 0, 4, 8 }.Select(i => Number(scores.Precision(ReferScores.Thresholds[i]))),
                ],
            ]));
    }

    private static JsonObject Parse(string? options)
    {
        try
        {
            return options is null ? [] : JsonNode.Parse(options) as JsonObject ?? throw new JsonException("it is no object");
        }
        catch (JsonException error)
        {
            throw new ApertureException($"--{With} {options}: this is no JSON object: {error.Message.ReplaceLineEndings(" ").TrimEnd('.')}.", error);
        }
    }

    private sealed class FilesBeside(string checkpoint) : IMethodFiles
    {
        public string? ModelFolder => Path.GetDirectoryName(checkpoint);

        public string Resolve(string path)
        {
            string beside = Path.Combine(ModelFolder!, path);
            return Path.Exists(path) ? Path.GetFullPath(path)
                : Path.Exists(beside) ? beside
                : throw new ApertureException($"There is no '{path}', neither here nor beside the checkpoint; check the name.");
        }
    }
}
