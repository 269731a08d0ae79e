using System.CommandLine;
using Aperture.Host.Repl;

namespace Aperture.Host.Commands;

/// <summary><c>aperture repl</c>: C# at a prompt, from <c>--eval</c>, or from a pipe.</summary>
internal static class ReplCommand
{
    public static Command Create(CommandContext context)
    {
        Option<string?> script = new("--load") { Description = "A script to run first, in the same session.", HelpName = "script" };
        Argument<string[]> arguments = new(RunCommand.ScriptArguments)
        {
            Description = "What the session sees as Args; write them after --.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        Option<string[]> eval = new("--eval", "-e")
        {
            Description = "Run code, show its value and leave. May be repeated; later code sees earlier variables.",
            HelpName = "code",
        };
        Option<bool> stream = new("--stream") { Description = "Run piped input entry by entry as it arrives, not as one text at its end." };
        Option<string> history = new("--history")
        {
            Description = "The file that keeps what was entered; 'none' keeps nothing.",
            HelpName = "file",
            DefaultValueFactory = _ => LineHistory.DefaultPath ?? "none",
        };
        Command command = new("repl", "Type C# with the engine at hand; pipelines, pictures and tensors are shown as what they are.")
        {
            arguments,
            script,
            eval,
            stream,
            history,
        };
        command.SetAction((parsed, token) => RunAsync(
            context,
            () => ScriptEnvironment.Create(context, parsed, parsed.GetValue(arguments) ?? []),
            parsed.GetValue(script),
            parsed.GetValue(eval) is { Length: > 0 } code ? code : null,
            parsed.GetValue(stream),
            parsed.GetRequiredValue(history) is not "none" and var path ? path : null,
            token));
        return command;
    }

    private static async Task<int> RunAsync(
        CommandContext context, Func<ScriptEnvironment> create, string? script, string[]? code, bool isStream, string? history,
        CancellationToken cancellationToken)
    {
        if (script is not null && !File.Exists(script))
        {
            throw new ApertureException($"There is no script '{script}' (looked for {Path.GetFullPath(script)}).");
        }

        if (code is null && !Console.IsInputRedirected && !Console.IsOutputRedirected)
        {
            await using ReplLoop loop = new(context, new RawTerminal(), new LineHistory(history), create);
            await loop.RunAsync(script, cancellationToken).ConfigureAwait(false);
            return 0;
        }

        await using ReplSession session = ReplSession.Start(create());
        IEnumerable<string> first = script is null ? [] : [$"#load \"{Path.GetFullPath(script)}\""];
        IEnumerable<string> rest = code ?? (isStream ? PipedRepl.Split(Console.In) : [Console.In.ReadToEnd()]);
        return await new PipedRepl(context.Terminal, session).RunAsync(first.Concat(rest), context.CtrlC, cancellationToken).ConfigureAwait(false);
    }
}
