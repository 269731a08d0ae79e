using System.CommandLine;
using System.Text.Json;
using Aperture.Data;
using Aperture.Evaluation;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Requests;
using Aperture.Sampling;
using Spectre.Console;

namespace Aperture.Host.Commands;

/// <summary><c>aperture fit METHOD MODEL FILE</c>: fits a method to a model on the user's own questions. Interrupted work goes on where it stopped.</summary>
internal static class FitCommand
{
    public static Command Create(CommandContext context)
    {
        ModelArguments model = new();
        Argument<string> method = new("method") { Description = "The method to fit, with its options: NAME or NAME:OPTION=VALUE,OPTION=VALUE." };
        Argument<string> file = new("questions") { Description = "JSON lines with image and question." };
        Option<string?> output = new("--output") { Description = "Where fitted files go; the model's folder by default.", HelpName = "folder" };
        Option<int> limit = new("--limit") { Description = "Only the first so many lines; 0 for all.", HelpName = "count" };
        Command command = new("fit", "Fit a method to a model on your own questions.") { method, model.Model, file, output, limit };
        model.AddOptions(command);
        command.SetAction(async (parsed, token) =>
        {
            MethodUse use = MethodUse.Parse(parsed.GetRequiredValue(method));
            IReadOnlyList<QuestionItem> items = QuestionFile.Read(parsed.GetRequiredValue(file), needAnswers: false);
            items = parsed.GetValue(limit) is > 0 and var most ? [.. items.Take(most)] : items;
            await using EngineSession session = SessionFactory.Open(context, parsed, model.Options(parsed));
            Pipeline plain = session.Load(parsed.GetRequiredValue(model.Model), cancellationToken: token);
            using PluginLease lease = session.Plugins.LeaseFor(use.Name);
            ICalibratedMethod calibrated = lease.Method(use.Name) as ICalibratedMethod
                ?? throw new ApertureException($"{use.Name} has nothing to fit; it works as it is.");
            using SampledModel samples = new(plain.Model, items, parsed.GetValue(output));
            CalibrationResult result = await RunAsync(context.Terminal, calibrated, samples, use.Options, token).ConfigureAwait(false);
            foreach (string line in result.Summary.Concat(result.Files.Select(written => $"wrote {written}")))
            {
                context.Terminal.Output.WriteLine(line);
            }

            return 0;
        });
        return command;
    }

    private static Task<CalibrationResult> RunAsync(
        Terminal terminal, ICalibratedMethod method, SampledModel samples, JsonElement options, CancellationToken cancellationToken)
        => terminal.RichError.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn(), new RemainingTimeColumn())
            .StartAsync(bar =>
            {
                ProgressTask task = bar.AddTask("fitting");
                return Task.Run(
                    () => method.Calibrate(samples, options, new Forwarded(progress => Show(task, progress)), cancellationToken), cancellationToken);
            });

    private static void Show(ProgressTask task, CalibrationProgress progress)
    {
        task.Description = Markup.Escape(progress.Stage);
        task.MaxValue = Math.Max(1, progress.Total);
        task.Value = progress.Done;
    }

    private sealed class Forwarded(Action<CalibrationProgress> report) : IProgress<CalibrationProgress>
    {
        public void Report(CalibrationProgress value) => report(value);
    }
}
