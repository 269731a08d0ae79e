using System.CommandLine;
using System.Text;
using System.Text.Json;
using Aperture.Data;
using Aperture.Evaluation;
using Aperture.Models;
using Aperture.Pipelines;
using Spectre.Console;

namespace Aperture.Host.Commands;

/// <summary>
/// <c>aperture eval MODEL FILE</c>: scores the model and pipelines over it on a JSON-lines file of questions with answers, by kind of question.
/// </summary>
internal static class EvalCommand
{
    public static Command Create(CommandContext context)
    {
        ModelArguments model = new();
        Argument<string> file = new("questions") { Description = "JSON lines with image, question, answer and (for figures by kind) type." };
        Option<bool> blind = new("--blind")
        {
            Description = "Also score the model with every picture replaced by plain grey: what the questions alone give away.",
        };
        Option<int> limit = new("--limit") { Description = "Only the first so many questions; 0 for all.", HelpName = "count" };
        Option<string> score = new("--score")
        {
            Description = $"How answers are scored: {string.Join("; ", AnswerScoring.All.Select(rule => $"{rule.Name}: {rule.Summary}"))}.",
            HelpName = "rule",
            DefaultValueFactory = _ => "exact",
        };
        Option<int> tokens = new("--max-new-tokens") { Description = "Longest answer in tokens.", HelpName = "count", DefaultValueFactory = _ => 16 };
        Option<bool> json = new("--json") { Description = "Write the figures as JSON to standard output." };
        Command command = new("eval", "Score pipelines on questions with answers.") { model.Model, file, score, tokens, blind, limit, json };
        model.AddOptions(command);
        command.SetAction(async (parsed, token) =>
        {
            EvaluationOptions options = new() { Scoring = AnswerScoring.Find(parsed.GetValue(score)!), MaxNewTokens = parsed.GetValue(tokens) };
            IReadOnlyList<QuestionItem> items = QuestionFile.Read(parsed.GetRequiredValue(file), needAnswers: true);
            items = parsed.GetValue(limit) is > 0 and var most ? [.. items.Take(most)] : items;
            await using EngineSession session = SessionFactory.Open(context, parsed, model.Options(parsed));
            Pipeline plain = session.Load(parsed.GetRequiredValue(model.Model), cancellationToken: token);
            List<(Pipeline Pipeline, bool Blind)> runs = [(plain, false)];
            if (parsed.GetValue(blind))
            {
                runs.Add((plain, true));
            }

            runs.AddRange(model.Pipelines(parsed, plain).Select(pipeline => (pipeline, false)));
            runs.ForEach(run => run.Pipeline.Build());
            List<EvaluationReport> reports = await Progressing.RunAsync(
                context.Terminal,
                "questions",
                runs.Count * items.Count,
                progress => runs.Select((run, i) => Score(run, progress.Offset(i * items.Count))).ToList()).ConfigureAwait(false);
            if (parsed.GetValue(json))
            {
                context.Terminal.Output.WriteLine(ToJson(reports));
            }
            else
            {
                context.Terminal.Rich.Write(ToTable(reports));
                context.Terminal.Output.WriteLine($"scored by: {options.Scoring.Name}\n{plain.Model.Name}, {reports[0].MeasuredOn}; times are medians in ms");
            }

            return 0;

            EvaluationReport Score((Pipeline Pipeline, bool Blind) run, IProgress<int> progress)
                => Evaluator.Run(run.Pipeline, items, options with { Blind = run.Blind }, progress, token);
        });
        return command;
    }

    private static Table ToTable(List<EvaluationReport> reports)
    {
        Table table = new();
        table.AddColumn("pipeline");
        table.AddColumn("accuracy");
        foreach ((string type, _, int count) in reports[0].ByType)
        {
            table.AddColumn($"{(type.Length == 0 ? "untyped" : type)} ({count})");
        }

        foreach ((string figure, _) in reports[0].Figures)
        {
            table.AddColumn(figure);
        }

        table.AddColumn("GFLOPs");
        table.AddColumn("prefill ms");
        table.AddColumn("decode ms");
        table.AddColumn("KV KiB");
        foreach (EvaluationReport report in reports)
        {
            table.AddRow([
                Markup.Escape(report.Label),
                $"{100 * report.Accuracy:0.0} ± {100 * report.HalfWidth:0.0} %",
                .. report.ByType.Select(t => $"{100.0 * t.Right / t.Count:0.0} %"),
                .. report.Figures.Select(figure => $"{100 * figure.Value:0.0} %"),
                $"{report.MeanFlops / 1e9:0.000}",
                $"{report.PrefillMs:0.00}",
                $"{report.DecodeMs:0.00}",
                $"{report.MeanCacheBytes / 1024:0}",
            ]);
        }

        return table;
    }

    private static string ToJson(List<EvaluationReport> reports)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartArray();
            foreach (EvaluationReport report in reports)
            {
                json.WriteStartObject();
                json.WriteString("pipeline", report.Label);
                report.MeasuredOn.Write(json);
                json.WriteNumber("questions", report.Results.Count);
                json.WriteNumber("accuracy", report.Accuracy);
                json.WriteNumber("halfWidth95", report.HalfWidth);
                foreach ((string figure, double value) in report.Figures)
                {
                    json.WriteNumber(figure, value);
                }

                json.WriteStartObject("byType");
                foreach ((string type, double right, int count) in report.ByType)
                {
                    json.WriteStartObject(type);
                    json.WriteNumber("right", right);
                    json.WriteNumber("count", count);
                    json.WriteEndObject();
                }

                json.WriteEndObject();
                json.WriteNumber("meanFlops", report.MeanFlops);
                json.WriteNumber("prefillMilliseconds", report.PrefillMs);
                json.WriteNumber("decodeMilliseconds", report.DecodeMs);
                json.WriteNumber("meanCacheBytes", report.MeanCacheBytes);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }
}
