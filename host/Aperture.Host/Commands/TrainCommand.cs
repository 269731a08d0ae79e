using System.CommandLine;
using System.Text.Json;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Scripting;
using Aperture.Training;
using Spectre.Console;

namespace Aperture.Host.Commands;

/// <summary>
/// <c>aperture train METHOD MODEL FILE</c>: trains a method's parameters on labelled questions. A run that was stopped or killed at any time goes on from its
/// last checkpoint.
/// </summary>
internal static class TrainCommand
{
    public static Command Create(CommandContext context)
    {
        ModelArguments model = new();
        Argument<string> method = new("method")
        {
            Description = $"The method to train, with its options: NAME or NAME:OPTION=VALUE,…; {DenseTraining.Name} fine-tunes the model without a method.",
        };
        Argument<string> data = new("data")
        {
            Description = "JSON lines with image, question and answer, or LLaVA's records (.json) with image and conversations.",
        };
        Option<string> output = new("--output")
        {
            Description = "Folder of the run: checkpoint, log and, at the end, what was trained. A run whose checkpoint lies there goes on.",
            HelpName = "folder",
        };
        Option<int> limit = new("--limit") { Description = "Only the first so many samples; 0 for all.", HelpName = "count" };
        Option<bool> options = new("--options") { Description = "List the method's training options and end; needs no model and no data." };
        model.Model.Arity = data.Arity = ArgumentArity.ZeroOrOne; // --options needs neither; the validator asks for them otherwise.
        Command command = new("train", "Train a method on labelled questions.") { method, model.Model, data, output, limit, options };
        model.AddOptions(command);
        command.Validators.Add(result =>
        {
            string[] missing =
            [
                .. result.GetResult(model.Model) is { Tokens.Count: > 0 } ? (string[])[] : ["a model"],
                .. result.GetResult(data) is { Tokens.Count: > 0 } ? (string[])[] : ["a data file"],
                .. result.GetResult(output) is { Tokens.Count: > 0 } ? (string[])[] : ["--output FOLDER"],
            ];
            if (missing.Length > 0 && !result.GetValue(options))
            {
                result.AddError(
                    $"train needs {string.Join(" and ", missing)}: aperture train METHOD MODEL DATA --output FOLDER; --options lists what may be set.");
            }
        });
        command.SetAction(async (parsed, token) =>
        {
            MethodUse use = MethodUse.Parse(parsed.GetRequiredValue(method));
            if (parsed.GetValue(options))
            {
                await using PluginHost plugins = new(context.Plugins.Read(parsed));
                ShowOptions(context.Terminal, use.Name, plugins);
                return 0;
            }

            IReadOnlyList<TrainingExample> examples = TrainingFile.Read(parsed.GetValue(data)!);
            examples = parsed.GetValue(limit) is > 0 and var most ? [.. examples.Take(most)] : examples;
            await using EngineSession session = SessionFactory.Open(context, parsed, model.Options(parsed));
            using PluginLease? lease = use.Name == DenseTraining.Name ? null : session.Plugins.LeaseFor(use.Name);
            ITrainedMethod trained = lease is null ? new DenseTraining() : lease.Method(use.Name) as ITrainedMethod ?? throw NothingToTrain(use.Name);
            Pipeline plain = session.Load(parsed.GetValue(model.Model)!, cancellationToken: token);
            string folder = parsed.GetValue(output)!;
            using TrainingModel samples = new(plain.Model, examples, folder);
            TrainingResult result = await RunAsync(context.Terminal, use.Name, trained, use.Options, samples, token).ConfigureAwait(false);
            foreach (string line in result.Summary.Concat(result.Files.Select(written => $"wrote {written}")))
            {
                context.Terminal.Output.WriteLine(line);
            }

            return 0;
        });
        return command;
    }

    private static void ShowOptions(Terminal terminal, string method, PluginHost plugins)
    {
        IReadOnlyList<MethodOption> options = method == DenseTraining.Name
            ? new DenseTraining().TrainingOptions
            : plugins.Describe(method).TrainingOptions ?? throw NothingToTrain(method);
        new TerminalDisplay(terminal)
            .Show(MethodHelp.Table($"options of training: aperture train {method}:OPTION=VALUE,… MODEL FILE --output FOLDER", options));
    }

    private static ApertureException NothingToTrain(string method)
        => new($"{method} has nothing to train; it works as it is, or is fitted with 'aperture fit'.");

    private static Task<TrainingResult> RunAsync(
        Terminal terminal, string name, ITrainedMethod method, JsonElement options, TrainingModel samples, CancellationToken cancellationToken)
        => terminal.RichError.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn(), new RemainingTimeColumn())
            .StartAsync(bar =>
            {
                ProgressTask task = bar.AddTask($"training {name}");
                return Task.Run(() => MethodTrainer.Run(name, method, options, samples, null, new Shown(task), cancellationToken), cancellationToken);
            });

    private sealed class Shown(ProgressTask task) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            task.Description = Markup.Escape($"{value.Stage} {value.Step}/{value.Steps} loss {value.Loss:0.000}");
            task.MaxValue = value.Steps;
            task.Value = value.Step;
        }
    }
}
