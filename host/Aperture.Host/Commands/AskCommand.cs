using System.CommandLine;
using Aperture.Comparing;
using Aperture.Decoding;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Requests;

namespace Aperture.Host.Commands;

/// <summary>
/// <c>aperture ask MODEL PICTURE… "question"</c>: one question from the shell, about one picture, several or none. The answer goes to standard output, what it
/// cost to standard error.
/// </summary>
internal static class AskCommand
{
    public static Command Create(CommandContext context)
    {
        ModelArguments model = new();
        PictureOptions pictures = new();
        Option<string?> text = new("--text")
        {
            Description = "The question; all words are pictures then, or there is none.",
            HelpName = "question",
        };
        QuestionArgument asked = new(instead: text)
        {
            Description = "Image files (PNG, JPEG, WebP, GIF, BMP, TIFF, TGA or PPM; one, several or none), and last what you want to know.",
            HelpName = "pictures… question",
        };
        GenerationArguments generation = new(longest: 128);
        Option<string?> map = new("--token-map")
        {
            Description = "Draw which parts of the picture each layer still saw into this PNG file.",
            HelpName = "file",
        };
        Command command = new("ask", "Ask a model about a picture.") { model.Model, asked, text, map };
        generation.AddOptions(command);
        pictures.AddOptions(command);
        model.AddOptions(command);
        command.SetAction(async (parsed, token) =>
        {
            string[] words = [.. parsed.GetValue(asked) ?? [], .. parsed.GetValue(text) is { } question ? [question] : Array.Empty<string>()];
            RefuseWrongWords(words);
            Image[] images = pictures.Load(parsed, words[..^1], context.Terminal);
            generation.Check(parsed);
            await using EngineSession session = SessionFactory.Open(context, parsed, model.Options(parsed));
            Pipeline pipeline = model.Pipeline(parsed, session.Load(parsed.GetRequiredValue(model.Model), cancellationToken: token));
            Answer answer = await pipeline.Ask(images, words[^1], generation.Of(parsed, pipeline.Model), token).ConfigureAwait(false);
            context.Terminal.Output.WriteLine(answer.Text);
            context.Terminal.Note(Cost(pipeline, answer));
            if (parsed.GetValue(map) is { } file)
            {
                SaveMaps(context.Terminal, answer, file);
            }

            return 0;
        });
        return command;
    }

    // A lone file name is a picture whose question is missing, not a question; and a question that words follow is one word too many.
    private static void RefuseWrongWords(string[] words)
    {
        string question = words[^1];
        if (File.Exists(question))
        {
            throw new ApertureException($"ask needs a question: '{question}' is a file; write what you want to know behind the pictures.");
        }

        if (string.IsNullOrWhiteSpace(question))
        {
            throw new ApertureException("ask needs a question, and it is empty; write what you want to know behind the pictures.");
        }

        if (words[..^1].FirstOrDefault(string.IsNullOrWhiteSpace) is not null)
        {
            throw new ApertureException("ask has an empty name where a picture's belongs; leave it out to ask without a picture.");
        }

        if (words[..^1].FirstOrDefault(word => word.Contains(',', StringComparison.Ordinal) && !Path.Exists(word) && word.Split(',').All(File.Exists))
            is { } list)
        {
            throw new ApertureException($"ask takes each picture as a word of its own: write '{list.Replace(',', ' ')}' without commas.");
        }

        if (words[..^1].FirstOrDefault(word => word.Contains(' ', StringComparison.Ordinal) && !Path.Exists(word)) is { } early)
        {
            throw new ApertureException(
                $"ask takes pictures and then one question: '{early}' is no file, and '{question}' stands behind it; put the whole question in quotes, last.");
        }
    }

    // The first picture's map has the name that was asked for, further ones a number.
    private static void SaveMaps(Terminal terminal, Answer answer, string file)
    {
        for (int image = 0; image < answer.TokenMaps.Count; image++)
        {
            string own = image == 0
                ? file
                : Path.Combine(Path.GetDirectoryName(file) ?? "", $"{Path.GetFileNameWithoutExtension(file)}-{image + 1}{Path.GetExtension(file)}");
            terminal.Error.WriteLine($"token map: {answer.TokenMaps[image].SavePng(own)}");
        }

        if (answer.TokenMaps.Count == 0)
        {
            terminal.Error.WriteLine("token map: none, because no visual token of the answer has a place in a picture");
        }
    }

    // A process that asks once asks cold: kernels are compiled and weights read from the disk meanwhile.
    private static string Cost(Pipeline pipeline, Answer answer)
        => $"{pipeline.Model.Name}, {pipeline.Label}: visual tokens {Comparison.Runs(answer.VisualTokensByLayer)}; {answer.Flops.Total / 1e9:0.000} GFLOPs "
            + $"and {answer.Times.FirstToken:0.0} ms to the first token, "
            + $"{answer.Times.DecodePerToken:0.0} ms a token; KV {Comparison.Size(answer.CacheBytes)}; {MeasuredOn.Of(pipeline.Model.Ops)}; "
            + "cold: a first question includes warm-up";
}
