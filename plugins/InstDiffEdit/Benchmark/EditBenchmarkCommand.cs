using System.Diagnostics;
using System.Text.Json;
using Aperture.Images;
using Aperture.Tasks;
using Aperture.Vision;

namespace Aperture.Plugins.InstDiffEdit.Benchmark;

/// <summary><c>aperture edit-benchmark</c>: edits the samples of a benchmark's list and compares with the masks that people drew.</summary>
internal sealed class EditBenchmarkCommand : IPluginCommand
{
    public const string Verb = "edit-benchmark";

    public string Name => Verb;

    public string Summary => "Edit the samples of an Editing-Mask list and measure mask IoU and change inside and outside the masks.";

    public IReadOnlyList<CommandParameter> Arguments { get; } =
    [
        new("checkpoint", "Stable Diffusion 1 checkpoint: folder or file.") { Required = true },
        new("list", "The benchmark's list, a sample a line.") { Required = true },
        new("pictures", "Folder with the pictures that the list names.") { Required = true },
    ];

    public IReadOnlyList<CommandParameter> Options { get; } =
    [
        new("masks", "Folder with the right masks, ID-mask.png, ID.png or the same as .jpg; without it change is told of the masks that were found.")
        {
            ValueName = "folder",
        },
        new("options", "Options of the editor as a JSON object.") { Default = "{}", ValueName = "json" },
        new("output", "Folder for edited pictures and masks.") { ValueName = "folder" },
        new("strength", "How far pictures are noised, above 0, at most 1.") { Type = CommandValue.Number, Default = "0.5" },
        new("seed", "Seed of all noise.") { Default = "4623523532252" },
        new("limit", "Samples to take, the list's first; 0 for all.") { Type = CommandValue.Integer, Default = "0" },
    ];

    public Task<int> RunAsync(ICommandContext context, CancellationToken cancellationToken)
    {
        IReadOnlyList<EditSample> samples = EditList.Read(context.Text("list")!);
        int limit = context.Integer("limit") ?? 0;
        samples = limit > 0 ? [.. samples.Take(limit)] : samples;
        if (!long.TryParse(context.Text("seed"), out long seed))
        {
            throw new ApertureException($"{Verb}: --seed {context.Text("seed")} is no whole number of 64 bits; give 0 to {long.MaxValue}.");
        }

        EditRequest request = new() { Target = "", Seed = seed, Strength = context.Number("strength") };
        using IImageEditor editor = new EditorFactory().Open(
            Path.GetFullPath(context.Text("checkpoint")!), Parse(context.Text("options")!), context.Device, new CommandFiles());
        List<(EditSample Sample, EditMetrics Metrics, double Seconds)> results = [];
        foreach (EditSample sample in samples)
        {
            context.Progress("edits", results.Count, samples.Count);
            results.Add(Edit(editor, sample, request, context, cancellationToken));
        }

        context.Show(new CommandTable(
            ["samples", "mask IoU", "change inside", "change outside", "ratio", "seconds"],
            [
                [
                    $"{results.Count}", context.Text("masks") is null ? "" : $"{Mean(result => result.Metrics.IoU!.Value):0.000}",
                    $"{Mean(result => result.Metrics.Inside):0.00}",
                    $"{Mean(result => result.Metrics.Outside):0.00}", $"{Mean(result => result.Metrics.Inside) / Mean(result => result.Metrics.Outside):0.00}",
                    $"{Mean(result => result.Seconds):0.0}",
                ],
            ]));
        return Task.FromResult(0);

        double Mean(Func<(EditSample Sample, EditMetrics Metrics, double Seconds), double> of) => results.Count == 0 ? double.NaN : results.Average(of);
    }

    private static (EditSample Sample, EditMetrics Metrics, double Seconds) Edit(
        IImageEditor editor, EditSample sample, EditRequest request, ICommandContext context, CancellationToken cancellationToken)
    {
        Image image = Image.Load(sample.Find(context.Text("pictures")!));
        Stopwatch watch = Stopwatch.StartNew();
        EditedPicture edited = editor.Edit(
            image.ToPicture(), request with { Target = sample.Prompt, Source = sample.Source }, new TaskRun { Cancellation = cancellationToken });
        double seconds = watch.Elapsed.TotalSeconds;
        Picture after = edited.Picture!, before = image.ConvertToRgb().Resize(after.Width, after.Height).ToPicture();
        MaskImage found = edited.Mask ?? new MaskImage(new byte[after.Width * after.Height], after.Width, after.Height);
        MaskImage? right = context.Text("masks") is { } folder ? Right(folder, sample, after) : null;
        if (context.Text("output") is { } output)
        {
            Directory.CreateDirectory(output);
            Image.FromRgb(after.Rgb.ToArray(), after.Width, after.Height).SavePng(Path.Combine(output, sample.Id + ".png"));
            Image.FromMask(found).SavePng(Path.Combine(output, sample.Id + "-mask.png"));
        }

        return (sample, EditMetrics.Of(before, after, found, right), seconds);
    }

    private static MaskImage Right(string folder, EditSample sample, Picture like)
    {
        string[] names = [$"{sample.Id}-mask.png", $"{sample.Id}-mask.jpg", $"{sample.Id}.png", $"{sample.Id}.jpg"];
        string path = names.Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists)
            ?? throw new ApertureException($"{Verb}: there is no mask of '{sample.Id}' in {folder}; it holds none of {string.Join(", ", names)}.");
        return EditMetrics.Right(Image.Load(path), like.Width, like.Height);
    }

    private static JsonElement Parse(string options)
    {
        try
        {
            return JsonElement.Parse(options);
        }
        catch (JsonException error)
        {
            throw new ApertureException($"{Verb}: --options {options} is no JSON object; write one such as {{\"Samples\": 1}}.", error);
        }
    }

    private sealed class CommandFiles : IMethodFiles
    {
        public string? ModelFolder => null;

        public string Resolve(string path)
            => Path.Exists(path) ? Path.GetFullPath(path) : throw new ApertureException($"{Verb}: there is no '{path}'; check the name.");
    }
}
