using System.CommandLine;
using Aperture.Benchmarks;
using Aperture.Comparing;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Pipelines;

namespace Aperture.Host.Commands;

/// <summary><c>aperture bench</c>: pipelines side by side on a question, or, with <c>--shape</c>, a decoder of a published size with random weights.</summary>
internal static class BenchCommand
{
    public static Command Create(CommandContext context)
    {
        ModelArguments model = new();
        Argument<string?> name = new("model") { Description = "The model; tiny-llava if absent.", Arity = ArgumentArity.ZeroOrOne };
        Argument<string?> picture = new("picture") { Description = "An image file; the shipped shelf if absent.", Arity = ArgumentArity.ZeroOrOne };
        Argument<string?> question = new("question") { Description = "The question.", Arity = ArgumentArity.ZeroOrOne };
        Option<string?> shape = new("--shape")
        {
            Description = $"Measure random weights of a published size instead: {string.Join(", ", ModelShape.All.Select(s => s.Name))}.",
            HelpName = "shape",
        };
        Option<int> runs = new("--runs") { Description = "Timed runs, after one that warms up.", HelpName = "count", DefaultValueFactory = _ => 5 };
        GenerationArguments generation = new(longest: 16);
        Option<string?> checkpoint = new("--checkpoint")
        {
            Description = "With --shape of a whole model: where its checkpoint is written and kept (13.5 GB); the cache folder by default.",
            HelpName = "folder",
        };
        Option<string[]> only = new("--only")
        {
            Description = $"With --shape: measure this row alone: {ShapeRows.Decode}, {ShapeRows.Prefill}, a method's name or {ShapeRows.Mixture}; "
                + $"of a whole model {ShapeRows.Unpruned} or the name of a method without weights of its own. May be repeated.",
            HelpName = "row",
        };
        Option<string?> batch = new("--batch")
        {
            Description = "Answer so many questions in one batch, such as 1,2,4,8,16: tokens and answers a second as batches grow, and where a method costs "
                + "more than it saves.",
            HelpName = "sizes",
        };
        Option<string?> later = new("--later")
        {
            Description = "Ask this about the same picture after the question: milliseconds to the first token and rows computed, afresh and behind what the "
                + "first question left.",
            HelpName = "question",
        };
        Option<bool> profile = new("--profile")
        {
            Description = "Tell by stage where the time goes on the way to the first token and to a later one: each kind of product with its GFLOP/s or GB/s, "
                + "attention, norms, sampling, the picture, and what lies between. Also with --shape.",
        };
        Option<bool> wide = new("--wide")
        {
            Description = "Show every figure: tokens by layer, GFLOPs, vision, projector, the method's share of the prefill and peak memory besides.",
        };
        Option<bool> json = new("--json") { Description = "Write the figures as JSON to standard output." };
        Command command = new("bench", "Measure pipelines side by side.")
        {
            name, picture, question, shape, runs, checkpoint, only, batch, later, profile, wide, json,
        };
        generation.AddOptions(command);
        model.AddOptions(command);
        command.SetAction(async (parsed, token) =>
        {
            string[] rows = parsed.GetValue(only) ?? [];
            bool profiled = parsed.GetValue(profile);
            if (profiled && (rows.Length > 0 || parsed.GetValue(batch) is not null || parsed.GetValue(wide)))
            {
                string other = rows.Length > 0 ? $"--only {rows[0]}" : parsed.GetValue(wide) ? "--wide" : "--batch";
                throw new ApertureException($"--profile tells one question by stage and takes no {other}; leave one of them out.");
            }

            if (profiled)
            {
                new MeasureOptions { Runs = parsed.GetValue(runs) }.Validate();
            }

            if (profiled && generation.Longest(parsed) < 2)
            {
                throw new ApertureException("--profile tells a first and a later token by stage; give --max-new-tokens 2 or more.");
            }

            if (parsed.GetValue(shape) is { } asked)
            {
                if (parsed.GetValue(wide))
                {
                    throw new ApertureException($"--wide: the figures of --shape {asked} are no table; leave --wide out, or use --json.");
                }

                if (parsed.GetValue(batch) is not null)
                {
                    throw new ApertureException($"--batch: --shape {asked} runs one sequence; leave --batch out, or measure a model.");
                }

                if (parsed.GetValue(later) is not null)
                {
                    throw new ApertureException($"--later: --shape {asked} asks nothing; leave --later out, or measure a model.");
                }

                ShapeBenchOptions benchmark = new(model.Options(parsed), parsed.GetValue(runs), rows, parsed.GetValue(json), parsed.GetValue(checkpoint))
                {
                    ProfiledTokens = profiled ? generation.Longest(parsed) : null,
                };
                return await ShapeBench.RunAsync(context, parsed, ModelShape.Find(asked), benchmark, token).ConfigureAwait(false);
            }

            if (rows.Length > 0)
            {
                throw new ApertureException($"--only {rows[0]}: rows can be picked with --shape alone; pipelines to compare are named with --with.");
            }

            int[] batches = parsed.GetValue(batch) is { } sizes ? Sizes(sizes) : [];
            if (batches.Length > 0 && parsed.GetValue(wide))
            {
                throw new ApertureException("--wide: --batch has one table, with every figure; leave --wide out.");
            }

            if (parsed.GetValue(later) is not null && (batches.Length > 0 || profiled || parsed.GetValue(wide)))
            {
                throw new ApertureException("--later: it has a table of its own; leave --batch, --profile and --wide out.");
            }

            generation.Check(parsed);
            Image image = Image.Load(parsed.GetValue(picture) ?? Path.Combine(AppContext.BaseDirectory, "scripts", "shelf.png"));
            await using EngineSession session = SessionFactory.Open(context, parsed, model.Options(parsed));
            Pipeline plain = session.Load(parsed.GetValue(name) ?? "tiny-llava", cancellationToken: token);
            IReadOnlyList<Pipeline> pipelines = model.Pipelines(parsed, plain);
            MeasureOptions options = new() { Runs = parsed.GetValue(runs), Generation = generation.Of(parsed, plain.Model) };
            string asking = parsed.GetValue(question) ?? "What is in the top left?";
            if (profiled)
            {
                StageProfile[] told = await Progressing.RunAsync(context.Terminal, "measuring", 1000, progress => Profiles(
                    [plain, .. pipelines], one => StageProfiler.Profile(one, image, asking, options, null, token), progress)).ConfigureAwait(false);
                if (parsed.GetValue(json))
                {
                    context.Terminal.Output.WriteLine(StageProfile.ToJson(told));
                    return 0;
                }

                Array.ForEach(told, own => ShapeBench.ShowProfile(context, own, json: false));
                return 0;
            }

            pipelines = [plain, .. pipelines.Count > 0 ? pipelines : session.Baselines(plain.Model).Select(baseline => plain.Plain().With(baseline.Name))];
            if (batches.Length > 0)
            {
                BatchComparison grown = await Progressing.RunAsync(context.Terminal, "measuring", 1000, progress => BatchMeasurer.Compare(
                    pipelines, image, asking, batches, options, new Fraction(done => progress.Report((int)(done * 1000))), token)).ConfigureAwait(false);
                Tell(grown, grown.ToJson);
                return 0;
            }

            if (parsed.GetValue(later) is { } next)
            {
                LaterComparison behind = await Progressing.RunAsync(context.Terminal, "measuring", 1000, progress => LaterMeasurer.Compare(
                    pipelines, image, asking, next, options, new Fraction(done => progress.Report((int)(done * 1000))), token)).ConfigureAwait(false);
                Tell(behind, behind.ToJson);
                return 0;
            }

            Comparison comparison = await Progressing.RunAsync(context.Terminal, "measuring", 1000, progress =>
                Measurer.Compare(pipelines, image, asking, options, new Fraction(done => progress.Report((int)(done * 1000))), token)).ConfigureAwait(false);
            Tell(parsed.GetValue(wide) ? comparison.Wide : comparison, () => ComparisonJson.Write(comparison));
            return 0;

            void Tell(object table, Func<string> text)
            {
                if (parsed.GetValue(json))
                {
                    context.Terminal.Output.WriteLine(text());
                }
                else
                {
                    new TerminalDisplay(context.Terminal).Show(table);
                }
            }
        });
        return command;
    }

    private static StageProfile[] Profiles(Pipeline[] pipelines, Func<Pipeline, StageProfile> measure, IProgress<int> progress)
    {
        StageProfile[] told = new StageProfile[pipelines.Length];
        for (int i = 0; i < told.Length; i++)
        {
            told[i] = measure(pipelines[i]);
            progress.Report(1000 * (i + 1) / told.Length);
        }

        return told;
    }

    private static int[] Sizes(string text)
        => [.. text.Split(',').Select(part => int.TryParse(part, out int size) && size > 0 ? size
            : throw new ApertureException($"--batch {text}: '{part}' is no batch size; give numbers such as 1,2,4,8,16."))];

    private sealed class Fraction(Action<double> report) : IProgress<double>
    {
        public void Report(double value) => report(value);
    }
}
