using System.CommandLine;
using Aperture.Data;
using Aperture.Evaluation;
using Aperture.Pipelines;
using Aperture.Scripting;

namespace Aperture.Host.Commands;

/// <summary>
/// <c>aperture eval MODEL FILE</c>: scores the model and pipelines over it on a JSON-lines file of questions with answers, by kind of question.
/// </summary>
internal static class EvalCommand
{
    public static Command Create(CommandContext context)
    {
        ModelArguments model = new();
        PictureOptions pictures = new();
        Argument<string> file = new("questions")
        {
            Description = "JSON lines with image, question, answer (or answers, a list of right ones) and, for figures by kind, type.",
        };
        Option<bool> blind = new("--blind")
        {
            Description = "Also score the model with every picture replaced by plain grey: what the questions alone give away.",
        };
        Option<bool> baselines = new("--baselines")
        {
            Description = "Also score the baselines (random, pooling) at the FLOPs of each pipeline with methods.",
        };
        Option<int> limit = new("--limit") { Description = "Only the first so many questions; 0 for all.", HelpName = "count" };
        Option<string> score = new("--score")
        {
            Description = $"How answers are scored: {string.Join("; ", AnswerScoring.All.Select(rule => $"{rule.Name}: {rule.Summary}"))}.",
            HelpName = "rule",
            DefaultValueFactory = _ => "exact",
        };
        GenerationArguments generation = new(longest: 16);
        Option<string?> output = new("--output")
        {
            Description = "Folder for samples.jsonl, a line an answer as it comes, and summary.json; the same command goes on after a stop.",
            HelpName = "folder",
        };
        Option<bool> strict = new("--strict")
        {
            Description = "End at a picture that does not open, before the first question; by default its questions count as wrong and the others are asked.",
        };
        Option<bool> json = new("--json") { Description = "Write the figures as JSON to standard output." };
        Command command = new("eval", "Score pipelines on questions with answers.")
        {
            model.Model, file, score, blind, baselines, limit, output, strict, json,
        };
        generation.AddOptions(command);
        pictures.AddOptions(command);
        model.AddOptions(command);
        command.SetAction(async (parsed, token) =>
        {
            generation.Check(parsed);
            EvaluationOptions options = new()
            {
                Scoring = AnswerScoring.Find(parsed.GetValue(score)!),
                Generation = own => generation.Change(parsed, own),
                AddBlind = parsed.GetValue(blind),
                AddBaselines = parsed.GetValue(baselines),
                Output = parsed.GetValue(output),
                Strict = parsed.GetValue(strict),
                Pictures = pictures.Preparation(parsed),
            };
            IReadOnlyList<QuestionItem> items = Read(parsed.GetRequiredValue(file), parsed.GetValue(limit));
            await using EngineSession session = SessionFactory.Open(context, parsed, model.Options(parsed));
            Pipeline plain = session.Load(parsed.GetRequiredValue(model.Model), cancellationToken: token);
            Pipeline[] pipelines = [plain, .. model.Pipelines(parsed, plain)];
            EvaluationResult result;
            try
            {
                result = await Progressing.RunAsync(
                    context.Terminal, "questions", items.Count, progress => Evaluator.Run(pipelines, items, options, progress, token)).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (options.Output is { } folder)
            {
                context.Terminal.Error.WriteLine($"What was answered is kept in '{folder}'; the same command goes on from there.");
                throw;
            }

            Write(context.Terminal, result, parsed.GetValue(json));
            if (options.Output is { } written)
            {
                string resumed = result.Resumed == 0 ? "" : $", {result.Resumed} of them from before";
                context.Terminal.Error.WriteLine($"{result.Reports.Sum(report => report.Results.Count)} answers are in '{written}'{resumed}.");
            }

            return 0;
        });
        return command;
    }

    private static IReadOnlyList<QuestionItem> Read(string file, int limit)
    {
        if (limit < 0)
        {
            throw new ApertureException($"--limit {limit}: give how many questions to ask, or 0 for all.");
        }

        IReadOnlyList<QuestionItem> items = QuestionFile.Read(file, needAnswers: true);
        return limit == 0 ? items : [.. items.Take(limit)];
    }

    private static void Write(Terminal terminal, EvaluationResult result, bool asJson)
    {
        if (asJson)
        {
            if (result.Broken is { } broken)
            {
                terminal.Warn($"counted as wrong and not asked: {broken}");
            }

            terminal.Output.WriteLine(EvaluationJson.Write(result));
            return;
        }

        terminal.Show(EvaluationTables.Scores(result, terminal.Rich.Profile.Width));
        terminal.Output.WriteLine();
        terminal.Show(EvaluationTables.Costs(result));
    }
}
