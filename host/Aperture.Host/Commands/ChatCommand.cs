using System.CommandLine;
using Aperture.Host.Chatting;
using Aperture.Host.Repl;
using Aperture.Models;
using Aperture.Pipelines;

namespace Aperture.Host.Commands;

/// <summary>
/// <c>aperture chat MODEL PICTURE…</c>: a conversation over a live cache, at a prompt or line by line from a pipe. Answers go to standard output as they are
/// generated, everything else to standard error.
/// </summary>
internal static class ChatCommand
{
    public static Command Create(CommandContext context)
    {
        ModelArguments model = new();
        PictureOptions preparation = new();
        Argument<string[]> pictures = new("pictures")
        {
            Description = "Image files that the first question shows; later ones come with /image.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        GenerationArguments generation = new(longest: 256);
        Option<string?> system = new("--system") { Description = "Instructions in front of the conversation.", HelpName = "text" };
        Option<bool> stats = new("--stats") { Description = "Say after each answer what it cost." };
        Command command = new("chat", "Talk with a model about pictures; later turns run over the live cache.")
        {
            model.Model,
            pictures,
            system,
            stats,
        };
        generation.AddOptions(command);
        preparation.AddOptions(command);
        model.AddOptions(command);
        command.SetAction(async (parsed, token) =>
        {
            generation.Check(parsed);
            await using EngineSession session = SessionFactory.Open(context, parsed, model.Options(parsed));
            Pipeline pipeline = model.Pipeline(parsed, session.Load(parsed.GetRequiredValue(model.Model), cancellationToken: token));
            using Chat chat = pipeline.Chat(Accepted(pipeline, parsed.GetValue(system)));
            ChatLoop loop = new(context.Terminal, chat, generation.Of(parsed, pipeline.Model))
            {
                ShowsCost = parsed.GetValue(stats),
                Preparation = preparation.Preparation(parsed),
            };
            Array.ForEach(parsed.GetValue(pictures) ?? [], path => loop.Enter($"/image {path}", token));
            using IDisposable taken = context.CtrlC.Handle(() => Pressed(loop));
            if (Console.IsInputRedirected || Console.IsOutputRedirected)
            {
                return loop.Run(Console.In.ReadLine, token);
            }

            context.Terminal.Error.WriteLine($"{pipeline.Model.Name}, {pipeline.Label}. Ask away; /help lists commands, Ctrl+D leaves.");
            loop.Run(new ChatPrompt(new RawTerminal(), new LineHistory(ChatPrompt.HistoryPath), Theme.OfEnvironment(), token).Read, token);
            return 0;
        });
        return command;
    }

    // A template without a place for instructions says so now, not at every question.
    private static string? Accepted(Pipeline pipeline, string? system)
    {
        if (system is not null)
        {
            pipeline.Model.Prompts.Compose([new PromptMessage(PromptRole.System, system, 0), new PromptMessage(PromptRole.User, "?", 0)]);
        }

        return system;
    }

    private static void Pressed(ChatLoop loop)
    {
        if (!loop.Stop())
        {
            CtrlC.Leave();
        }
    }
}
