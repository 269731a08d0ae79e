using System.CommandLine;
using Aperture.Pipelines;
using Aperture.Training;
using Aperture.Workshop;
using Spectre.Console;

namespace Aperture.Host.Commands;

/// <summary>
/// <c>aperture shelf train FOLDER</c>: trains the small shipped model; a run that was stopped at any time goes on from its last checkpoint.
/// <c>aperture shelf questions FOLDER</c>: writes shelves with questions, to evaluate on or to train methods on.
/// </summary>
internal static class ShelfCommand
{
    public static Command Create(CommandContext context)
    {
        Command command = new("shelf", "Train the small shipped models, or write pictures for them.") { Train(context), Questions(context) };
        foreach (Command set in ShelfSetCommands.Create(context))
        {
            command.Add(set);
        }

        return command;
    }

    private static Command Questions(CommandContext context)
    {
        Argument<string> folder = new("folder") { Description = "Where pictures and questions.jsonl go." };
        Option<ShelfPart> part = Part();
        Option<string> set = Set();
        Option<int> perType = new("--per-type") { Description = "Questions of each of the set's types.", HelpName = "count", DefaultValueFactory = _ => 30 };
        Option<long> seed = Seed();
        Option<string?> items = Items();
        Command command = new("questions", "Write shelves with questions and answers.") { folder, set, part, perType, seed, items };
        command.SetAction(parsed =>
        {
            int count = parsed.GetValue(perType);
            if (count is < 1 or > 100_000)
            {
                throw new ApertureException($"--per-type {count}: give 1 to 100000.");
            }

            string target = parsed.GetRequiredValue(folder);
            FashionItems photographs = FashionItems.Load(parsed.GetValue(part), parsed.GetValue(items));
            int questions = ShelfEvaluationSet.Write(target, photographs, count, parsed.GetValue(seed), ShelfSet.Named(parsed.GetValue(set)!));
            context.Terminal.Output.WriteLine($"wrote {questions} questions to {Path.GetFullPath(target)}");
            return 0;
        });
        return command;
    }

    /// <summary>The option <c>--part</c>.</summary>
    internal static Option<ShelfPart> Part()
        => new("--part")
        {
            Description = "Photographs to compose from: those of training, or those held out.",
            HelpName = "part",
            DefaultValueFactory = _ => ShelfPart.HeldOut,
        };

    private static Option<string> Set()
        => new("--set")
        {
            Description = $"What shelves are like: {string.Join(" or ", ShelfSet.All.Select(set => set.Name))}.",
            HelpName = "set",
            DefaultValueFactory = _ => ShelfSet.Items.Name,
        };

    /// <summary>The option <c>--seed</c>.</summary>
    internal static Option<long> Seed()
        => new("--seed") { Description = "Seed of all that is drawn.", HelpName = "number", DefaultValueFactory = _ => 1 };

    /// <summary>The option <c>--items</c>.</summary>
    internal static Option<string?> Items()
        => new("--items") { Description = "Folder of Fashion-MNIST's idx.gz files; Debian's package dataset-fashion-mnist by default.", HelpName = "folder" };

    private static Command Train(CommandContext context)
    {
        Argument<string> folder = new("folder") { Description = "Folder of the run: checkpoints and log. A run whose checkpoint lies there goes on." };
        Option<string?> output = new("--output")
        {
            Description = "Folder the finished model is written to, in LLaVA-1.5's layout; FOLDER/model by default.",
            HelpName = "folder",
        };
        Option<ShelfStage[]> stages = new("--stage")
        {
            Description = "Only these stages; all by default. Vision and Language do not need each other and may run side by side.",
            HelpName = "stage",
        };
        Option<string[]> from = new("--from")
        {
            Description = "Folders to begin with: a run's, for what its stages trained, or a model's in the small model's layout, for its decoder.",
            HelpName = "folder",
        };
        Option<string> set = Set();
        Option<int?> side = new("--side")
        {
            Description = "Side in pixels at which the small model's tower sees pictures; the set's by default.",
            HelpName = "pixels",
        };
        Option<string?> model = new("--model")
        {
            Description = "Folder of a model to train in the small one's place, with its own vision encoder and in its own layout.",
            HelpName = "folder",
        };
        Option<double> scale = new("--scale") { Description = "Factor on the number of steps.", HelpName = "number", DefaultValueFactory = _ => 1 };
        Option<long> seed = Seed();
        Option<string?> items = Items();
        Command command = new("train", "Train the small shipped model.") { folder, output, set, model, side, stages, from, scale, seed, items };
        command.SetAction(async (parsed, token) =>
        {
            context.Compute.Open(parsed);
            double factor = parsed.GetValue(scale);
            if (factor is not (> 0 and <= 100))
            {
                throw new ApertureException($"--scale {factor}: give a number above 0, at most 100.");
            }

            string run = parsed.GetRequiredValue(folder);
            ShelfSet world = ShelfSet.Named(parsed.GetValue(set)!);
            await using EngineSession? session = parsed.GetValue(model) is null ? null : SessionFactory.Open(context, parsed);
            ShelfTrainerOptions options = new()
            {
                RunFolder = run,
                Set = world,
                TowerSide = parsed.GetValue(side),
                Model = session?.Load(parsed.GetValue(model)!, cancellationToken: token).Model,
                ModelFolder = parsed.GetValue(output) ?? Path.Combine(run, "model"),
                Seed = parsed.GetValue(seed),
                StartFrom = parsed.GetValue(from) ?? [],
                ItemsFolder = parsed.GetValue(items),
                Threads = context.Compute.Threads(parsed) ?? 0,
            };
            ShelfStage[] wanted = parsed.GetValue(stages) ?? [];
            options = options with
            {
                Stages =
                [
                    .. ShelfTrainerOptions.StagesOf(world).Where(s => wanted.Length == 0 || wanted.Contains(s.Stage)).Select(
                        s => s with { Steps = Math.Max(1, (int)(s.Steps * factor)) }),
                ],
            };
            await RunAsync(context.Terminal, options, token).ConfigureAwait(false);
            context.Terminal.Output.WriteLine($"wrote {Path.GetFullPath(options.ModelFolder)}");
            return 0;
        });
        return command;
    }

    private static Task RunAsync(Terminal terminal, ShelfTrainerOptions options, CancellationToken cancellationToken)
        => terminal.RichError.Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn(), new RemainingTimeColumn())
            .StartAsync(bar =>
            {
                ProgressTask task = bar.AddTask("training");
                return Task.Run(() => ShelfTrainer.Run(options, new Shown(task, terminal), cancellationToken), cancellationToken);
            });

    private sealed class Shown(ProgressTask task, Terminal terminal) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            task.Description = Markup.Escape($"{value.Stage} {value.Step}/{value.Steps} loss {value.Loss:0.000}");
            task.MaxValue = value.Steps;
            task.Value = value.Step;
            if (value.Scores is { } scores)
            {
                terminal.Error.WriteLine(
                    $"{value.Stage} {value.Step}/{value.Steps}: {string.Join(", ", scores.Select(score => $"{score.Key} {100 * score.Value:0.0} %"))}");
            }
        }
    }
}
