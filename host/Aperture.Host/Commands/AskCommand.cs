using System.CommandLine;
using Aperture.Engine;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Measuring;

namespace Aperture.Host.Commands;

/// <summary><c>aperture ask MODEL PICTURE "question"</c>: one question from the shell. The answer goes to standard output, what it cost to standard error.</summary>
internal static class AskCommand
{
    public static Command Create(CommandContext context)
    {
        ModelArguments model = new();
        Argument<string> picture = new("picture") { Description = "An image file: PNG, JPEG, WebP, GIF or BMP." };
        Argument<string> question = new("question") { Description = "What you want to know." };
        Option<int> tokens = new("--max-new-tokens") { Description = "Longest answer in tokens.", HelpName = "count", DefaultValueFactory = _ => 128 };
        Option<double> temperature = new("--temperature") { Description = "0 takes the likeliest token; above, tokens are drawn.", HelpName = "number" };
        Option<double> topP = new("--top-p") { Description = "Draw from the likeliest tokens with this much probability together.", HelpName = "number", DefaultValueFactory = _ => 1 };
        Option<int> topK = new("--top-k") { Description = "Draw from this many likeliest tokens; 0 for all.", HelpName = "count", DefaultValueFactory = _ => 50 };
        Option<int> beams = new("--beams") { Description = "Beams of beam search.", HelpName = "count", DefaultValueFactory = _ => 1 };
        Option<ulong?> seed = new("--seed") { Description = "Seed of drawing.", HelpName = "number" };
        Option<string?> map = new("--token-map") { Description = "Draw which parts of the picture each layer still saw into this PNG file.", HelpName = "file" };
        Command command = new("ask", "Ask a model about a picture.") { model.Model, picture, question, tokens, temperature, topP, topK, beams, seed, map };
        model.AddOptions(command);
        command.SetAction(async (parsed, token) =>
        {
            Image image = Image.Load(parsed.GetRequiredValue(picture));
            GenerationOptions options = new()
            {
                MaxNewTokens = parsed.GetValue(tokens),
                Temperature = parsed.GetValue(temperature),
                TopP = parsed.GetValue(topP),
                TopK = parsed.GetValue(topK),
                Beams = parsed.GetValue(beams),
                Seed = parsed.GetValue(seed),
            };
            options.Validate();
            await using EngineSession session = SessionFactory.Open(context, parsed, model.Options(parsed));
            Pipeline pipeline = model.Pipeline(parsed, session.Load(parsed.GetRequiredValue(model.Model), cancellationToken: token));
            Answer answer = await pipeline.Ask(image, parsed.GetRequiredValue(question), options, token).ConfigureAwait(false);
            context.Terminal.Output.WriteLine(answer.Text);
            context.Terminal.Error.WriteLine(Cost(pipeline, answer));
            if (parsed.GetValue(map) is { } file && answer.TokenMap is { } tokenMap)
            {
                context.Terminal.Error.WriteLine($"token map: {tokenMap.SavePng(file)}");
            }

            return 0;
        });
        return command;
    }

    private static string Cost(Pipeline pipeline, Answer answer)
        => $"{pipeline.Model.Name}, {pipeline.Label}: visual tokens {Comparison.Runs(answer.VisualTokensByLayer)}; {answer.Flops.Total / 1e9:0.000} GFLOPs and {answer.Times.FirstToken:0.0} ms to the first token, "
            + $"{answer.Times.DecodePerToken:0.0} ms a token; KV {Comparison.Size(answer.CacheBytes)}; {MeasuredOn.Of(pipeline.Model.Ops)}";
}
