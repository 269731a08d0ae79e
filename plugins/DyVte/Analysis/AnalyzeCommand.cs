using System.Globalization;
using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Models;

namespace Aperture.Plugins.DyVte.Analysis;

/// <summary>
/// <c>aperture analyze MODEL FILE</c>: how attention between image and text goes through the layers, and after which layer answers no longer need the image.
/// </summary>
internal sealed class AnalyzeCommand : IPluginCommand
{
    public const string Verb = "analyze";

    public string Name => Verb;

    public string Summary => "Show how attention flows by layer, and what an early exit of the image tokens does to answers.";

    public bool NeedsModel => true;

    public IReadOnlyList<CommandParameter> Arguments =>
    [
        new("questions", "JSON lines with image and question; answers, where all lines have them, give accuracy by exit.") { Required = true },
    ];

    public IReadOnlyList<CommandParameter> Options =>
    [
        new("output", "Folder for analysis.json, tables and plots; none are written without it.") { ValueName = "folder" },
        new("samples", "Questions to use, the file's first; 0 for all.") { Type = CommandValue.Integer, Default = "100" },
        new("head-reduce", "Find stages on the mean or the max over heads.") { Default = "mean", ValueName = "how" },
        new("exit", "Exit whose entropies are compared with the whole run's; by default the suggested one or, if that is the last layer, the first "
            + "that changes few answers.")
        {
            Type = CommandValue.Integer,
            ValueName = "layer",
        },
        new("sweep-layers", "Layers to try an exit after, such as 0,4,8-15; all by default, none for no sweep.") { ValueName = "layers" },
        new("json", "Write the report as JSON to standard output.") { Type = CommandValue.Flag },
    ];

    public Task<int> RunAsync(ICommandContext context, CancellationToken cancellationToken)
    {
        string? layers = context.Text("sweep-layers");
        AnalysisOptions options = new()
        {
            Heads = Heads(context.Text("head-reduce")!),
            ExitLayer = context.Integer("exit"),
            Sweep = layers != "none",
            SweepLayers = layers is null or "none" ? null : Layers(layers),
        };
        ISampledModel model = context.OpenQuestions(context.Text("questions")!, context.Integer("samples")!.Value);
        int total = model.Samples * AttentionAnalysis.Passes(options, model.Pipelines.Count);
        context.Progress("questions", 0, total);
        AnalysisReport report = AttentionAnalysis.Run(model, options, done => context.Progress("questions", done, total), cancellationToken);
        IReadOnlyList<string> written = context.Text("output") is { } folder ? Write(context, folder, report) : [];
        if (context.Flag("json"))
        {
            context.WriteLine(AnalysisJson.Of(report));
        }
        else
        {
            Show(context, report, written);
        }

        return Task.FromResult(0);
    }

    private static IReadOnlyList<string> Write(ICommandContext context, string folder, AnalysisReport report)
        =>
        [
            .. AnalysisFiles.Write(folder, report),
            .. AnalysisCharts.Of(report).Select(drawn => context.SaveChart(Path.Combine(folder, drawn.File), drawn.Chart)),
        ];

    private static void Show(ICommandContext context, AnalysisReport report, IReadOnlyList<string> written)
    {
        context.Show(AnalysisTable.Of(report));
        context.WriteLine($"{report.Model}, {report.MeasuredOn}; {report.Samples} question(s)");
        (int? fused, int? reasoning, int exit) = report.Stages;
        context.WriteLine($"stages: fusion ends {Layer(fused)}, reasoning begins {Layer(reasoning)}; suggested exit after layer {exit}");
        if (report.Sweep is { } sweep)
        {
            (string most, string many) = (Layer(sweep.FirstKeeping(0.99), "after"), Layer(sweep.FirstKeeping(0.95), "after"));
            context.WriteLine($"exits: 99 % of the answers stay the same from an exit {most} on, 95 % {many}");
        }

        foreach (ExecutedLayers pipeline in report.Pipelines)
        {
            string accuracy = pipeline.Accuracy is { } right ? $", {100 * right:0.0} % right" : "";
            context.WriteLine($"{pipeline.Pipeline}: {pipeline.Mean:0.00} of {pipeline.Layers} layers run image tokens{accuracy}");
        }

        foreach (string path in written)
        {
            context.WriteLine($"wrote {path}");
        }
    }

    private static HeadReduction Heads(string text) => text switch
    {
        "mean" => HeadReduction.Mean,
        "max" => HeadReduction.Max,
        _ => throw new ApertureException($"--head-reduce {text}: give mean or max."),
    };

    private static int[] Layers(string text) => [.. text.Split(',', StringSplitOptions.TrimEntries).SelectMany(part =>
    {
        string[] ends = part.Split('-');
        return ends.Length <= 2 && Number(ends[0]) is { } first && Number(ends[^1]) is { } last && first <= last && last < 1000
            ? Enumerable.Range(first, last - first + 1)
            : throw new ApertureException($"--sweep-layers {text}: give layers such as 0,4,8-15, or none.");
    })];

    private static int? Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : null;

    private static string Layer(int? layer, string where = "at") => layer is { } found ? $"{where} layer {found}" : "nowhere";
}
