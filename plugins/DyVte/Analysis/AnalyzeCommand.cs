using System.CommandLine;
using System.Globalization;
using Aperture.Analysis;
using Aperture.Decoding;
using Aperture.Engine;
using Aperture.Evaluation;
using Aperture.Scripting;
using Spectre.Console;

namespace Aperture.Host.Commands;

/// <summary><c>aperture analyze MODEL FILE</c>: how attention between image and text goes through the layers, and after which layer answers no longer need the image.</summary>
internal static class AnalyzeCommand
{
    public static Command Create(CommandContext context)
    {
        ModelArguments model = new();
        Argument<string> file = new("questions") { Description = "JSON lines with image and question; answers, where all lines have them, give accuracy by exit." };
        Option<string?> output = new("--output") { Description = "Folder for analysis.json, tables and plots; none are written without it.", HelpName = "folder" };
        Option<int> samples = new("--samples") { Description = "Questions to use, the file's first; 0 for all.", HelpName = "count", DefaultValueFactory = _ => 100 };
        Option<string> heads = new("--head-reduce") { Description = "Find stages on the mean or the max over heads.", HelpName = "how", DefaultValueFactory = _ => "mean" };
        Option<int?> exit = new("--exit") { Description = "Exit whose entropies are compared with the whole run's; by default the suggested one or, if that is the last layer, the first that changes few answers.", HelpName = "layer" };
        Option<string?> swept = new("--sweep-layers") { Description = "Layers to try an exit after, such as 0,4,8-15; all by default, none for no sweep.", HelpName = "layers" };
        Option<bool> json = new("--json") { Description = "Write the report as JSON to standard output." };
        Command command = new("analyze", "Show how attention flows by layer, and what an early exit of the image tokens does to answers.") { model.Model, file, output, samples, heads, exit, swept, json };
        model.AddOptions(command);
        command.SetAction(async (parsed, token) =>
        {
            IReadOnlyList<QuestionItem> items = QuestionFile.Read(parsed.GetRequiredValue(file), needAnswers: false);
            items = parsed.GetValue(samples) is > 0 and var most ? [.. items.Take(most)] : items;
            string? layers = parsed.GetValue(swept);
            AnalysisOptions options = new()
            {
                Heads = Heads(parsed.GetValue(heads)!),
                ExitLayer = parsed.GetValue(exit),
                Sweep = layers != "none",
                SweepLayers = layers is null or "none" ? null : Layers(layers),
            };
            await using EngineSession session = SessionFactory.Open(context, parsed, model.Options(parsed));
            Pipeline plain = session.Load(parsed.GetRequiredValue(model.Model), cancellationToken: token);
            LlavaModel llava = plain.Model as LlavaModel
                ?? throw new ApertureException($"{parsed.GetValue(model.Model)} is no LLaVA model, and `analyze` reads the attention of those alone; give the folder or name of one.");
            IReadOnlyList<Pipeline> pipelines = model.Pipelines(parsed, plain);
            foreach (Pipeline pipeline in pipelines)
            {
                pipeline.Build();
            }

            AnalysisReport report = await Progressing.RunAsync(
                context.Terminal,
                "questions",
                items.Count * AttentionAnalysis.Passes(options, pipelines.Count),
                progress => AttentionAnalysis.Run(llava, items, pipelines, options, progress, token)).ConfigureAwait(false);
            Show(context.Terminal, report, parsed.GetValue(json), parsed.GetValue(output));
            return 0;
        });
        return command;
    }

    private static void Show(Terminal terminal, AnalysisReport report, bool json, string? folder)
    {
        IReadOnlyList<string> written = folder is null ? [] : [.. AnalysisFiles.Write(folder, report), .. AnalysisPlots.Save(folder, report)];
        if (json)
        {
            terminal.Output.WriteLine(AnalysisJson.Of(report));
            return;
        }

        terminal.Rich.Write(ToTable(report));
        terminal.Output.WriteLine($"{report.Model}, {report.MeasuredOn}; {report.Samples} question(s)");
        AttentionStages stages = report.Stages;
        terminal.Output.WriteLine(
            $"stages: fusion ends {Layer(stages.FusionEnd)}, reasoning begins {Layer(stages.ReasoningStart)}; suggested exit after layer {stages.SuggestedExit}");
        if (report.Sweep is { } sweep)
        {
            terminal.Output.WriteLine($"exits: 99 % of the answers stay the same from an exit {Layer(sweep.FirstKeeping(0.99), "after")} on, 95 % {Layer(sweep.FirstKeeping(0.95), "after")}");
        }

        foreach (ExecutedLayers pipeline in report.Pipelines)
        {
            string accuracy = pipeline.Accuracy is { } right ? $", {100 * right:0.0} % right" : "";
            terminal.Output.WriteLine($"{pipeline.Pipeline}: {pipeline.Mean:0.00} of {pipeline.Layers} layers run image tokens{accuracy}");
        }

        foreach (string path in written)
        {
            terminal.Output.WriteLine($"wrote {path}");
        }
    }

    private static Table ToTable(AnalysisReport report)
    {
        Table table = new();
        table.AddColumns("layer", "text on image", "last row on image", "image on image", "entropy of text", "change of image", "change of text");
        double[]? same = report.Sweep?.SameAnswer, acceptable = report.Sweep?.Acceptable, accuracy = report.Sweep?.Accuracy;
        if (same is not null)
        {
            table.AddColumns("same answer", "exit right");
        }

        if (accuracy is not null)
        {
            table.AddColumn("accuracy");
        }

        for (int layer = 0; layer < report.Layers; layer++)
        {
            double Value(string metric, string column) => report.Metric(metric).Column(column)[layer];
            List<string> row =
            [
                $"{layer}",
                Percent(Value("mass", "X>V")), Percent(Value("mass", "a>V")), Percent(Value("mass", "V>V")),
                Number(Value("entropy", "X")), Number(Value("updateNorm", "V")), Number(Value("updateNorm", "X")),
            ];
            int at = report.Sweep?.Layers.ToList().IndexOf(layer) ?? -1;
            row.AddRange(new[] { same, acceptable, accuracy }.OfType<double[]>().Select(values => at < 0 ? "" : Percent(values[at])));
            table.AddRow([.. row]);
        }

        return table;
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
        bool read = ends.Length <= 2 & int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out int first) & int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int last);
        return read && first <= last && last < 1000
            ? Enumerable.Range(first, last - first + 1)
            : throw new ApertureException($"--sweep-layers {text}: give layers such as 0,4,8-15, or none.");
    })];

    private static string Layer(int? layer, string where = "at") => layer is { } found ? $"{where} layer {found}" : "nowhere";

    private static string Percent(double share) => string.Create(CultureInfo.InvariantCulture, $"{100 * share:0.0} %");

    private static string Number(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
}
