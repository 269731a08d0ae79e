using System.CommandLine;
using System.Globalization;
using Aperture.Data;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Quantizing;

namespace Aperture.Host.Commands;

/// <summary><c>aperture quantize MODEL --weights int4 --output FOLDER</c>: writes a checkpoint anew with its matrices in few bits.</summary>
internal static class QuantizeCommand
{
    private const int BytesShift = 10; // the bar counts kilobytes
    private const int DefaultSamples = 64;

    public static Command Create(CommandContext context)
    {
        Argument<string> model = new ModelArguments().Model;
        Option<string> weights = new("--weights") { Description = "int8 or int4.", HelpName = "format", Required = true };
        Option<string> output = new("--output") { Description = "The folder to write; it must not be there.", HelpName = "folder", Required = true };
        Option<int> group = new("--group")
        {
            Description = "Inputs that share a scale and a zero in four bits: 32 or 64.",
            HelpName = "inputs",
            DefaultValueFactory = _ => new QuantizeOptions().Group,
        };
        Option<string?> on = new("--on")
        {
            Description = "JSON lines with image and question: four bits are fitted to what the model computes on them, instead of rounded to nearest.",
            HelpName = "file",
        };
        Option<int> samples = new("--samples")
        {
            Description = "Only the first so many lines of --on; 0 for all.",
            HelpName = "count",
            DefaultValueFactory = _ => DefaultSamples,
        };
        Option<bool> head = new("--keep-head") { Description = "Leave the output matrix as stored: for vLLM, which cannot read it in few bits." };
        Option<string?> tower = new("--tower") { Description = "Folder of the vision tower, for checkpoints without one.", HelpName = "folder" };
        Option<string?> family = new("--family")
        {
            Description = "Model family that opens the folder; by default the one that recognises it.",
            HelpName = "name",
        };
        Command command = new("quantize", "Write a checkpoint anew with its matrices in eight or four bits.")
        {
            model, weights, output, group, on, samples, head, tower, family,
        };
        command.SetAction(async (parsed, token) =>
        {
            ModelOptions options = new() { Weights = parsed.GetRequiredValue(weights), Tower = parsed.GetValue(tower), Family = parsed.GetValue(family) };
            IReadOnlyList<QuestionItem> items = parsed.GetValue(on) is { } file ? QuestionFile.Read(file, needAnswers: false) : [];
            QuantizeOptions how = new QuantizeOptions
            {
                Format = options.Format ?? throw new ApertureException("Weights 'auto' are no format to write; give int8 or int4 (--weights)."),
                Group = parsed.GetValue(group),
                KeepHead = parsed.GetValue(head),
                Questions = parsed.GetValue(samples) is > 0 and var most ? [.. items.Take(most)] : items,
            }.Validate();
            await using EngineSession session = SessionFactory.Open(context, parsed, options);
            ProgressBar bar = new(context.Terminal);
            QuantizeResult result;
            try
            {
                Forwarded progress = new(bar);
                result = await Task.Run(
                    () => CheckpointQuantizer.Run(
                        session, parsed.GetRequiredValue(model), session.Defaults, parsed.GetRequiredValue(output), how, progress, token),
                    token).ConfigureAwait(false);
            }
            finally
            {
                bar.End();
            }

            foreach (string line in Lines(result, how))
            {
                context.Terminal.Output.WriteLine(line);
            }

            return 0;
        });
        return command;
    }

    private static IEnumerable<string> Lines(QuantizeResult result, QuantizeOptions how)
    {
        string format = how.Format == WeightFormat.Int8 ? "eight bits" : $"four bits in groups of {how.Group}";
        yield return string.Create(
            CultureInfo.InvariantCulture,
            $"{result.Quantized.Count} matrices in {format}: {result.BytesBefore / 1e6:0.0} MB became {result.BytesAfter / 1e6:0.0} MB");
        if (result.Kept.Count > 0)
        {
            string others = result.Kept.Count > 1 ? $" and {result.Kept.Count - 1} other(s)" : "";
            yield return $"as stored, and quantised when the model opens: {result.Kept[0]}{others}";
        }

        QuantizedWeight[] fitted = [.. result.Quantized.Where(weight => weight.Error is not null)];
        if (fitted.Length > 0)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"fitted on {how.Questions.Count} questions: the weights are off by {fitted.Average(weight => weight.Error!.Value):0.00%} where it counts, by "
                + $"{fitted.Average(weight => weight.NearestError!.Value):0.00%} if rounded to nearest (mean of {fitted.Length} matrices)");
        }

        yield return $"wrote {result.Folder}";
    }

    private sealed class Forwarded(ProgressBar bar) : IProgress<QuantizeProgress>
    {
        public void Report(QuantizeProgress value)
        {
            int shift = value.Total > int.MaxValue ? BytesShift : 0;
            bar.Report(value.Stage, (int)(value.Done >> shift), (int)(value.Total >> shift));
        }
    }
}
