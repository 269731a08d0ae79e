using System.CommandLine;
using Aperture.Scripting;

namespace Aperture.Host.Commands;

/// <summary><c>aperture run FILE.csx [-- ARGUMENTS]</c>: runs a script and shows the value it ends in.</summary>
internal static class RunCommand
{
    /// <summary>The argument that takes a script's own words, from behind <c>--</c>.</summary>
    public const string ScriptArguments = "arguments";

    public static Command Create(CommandContext context)
    {
        Argument<string> script = new Argument<string>("script") { Description = "The script file (.csx)." };
        Argument<string[]> arguments = new Argument<string[]>(ScriptArguments)
        {
            Description = "What the script sees as Args; write them after --.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        Command command = new Command("run", "Run a C# script. Its exit code is the number it returns.") { script, arguments };
        command.SetAction((parsed, token) => RunAsync(context, parsed, parsed.GetRequiredValue(script), parsed.GetValue(arguments) ?? [], token));
        return command;
    }

    private static async Task<int> RunAsync(CommandContext context, ParseResult parsed, string path, string[] arguments, CancellationToken cancellationToken)
    {
        ScriptSource source = ScriptSource.FromFile(path);
        if (context.Compute.Threads(parsed) is not null)
        {
            context.Compute.Open(parsed);
        }

        ScriptEnvironment environment = ScriptEnvironment.Create(context, parsed, arguments);
        await using HostGlobals globals = environment.Globals;
        using ScriptSession session = environment.StartSession();
        using ScriptInterrupt interrupt = new ScriptInterrupt(cancellationToken);
        using IDisposable taken = context.CtrlC.Handle(() => Interrupted(context.Terminal, interrupt));
        ScriptResult result = await session.RunAsync(source, interrupt).ConfigureAwait(false);
        return environment.Background.Code(ScriptReport.Write(context.Terminal, environment.Display, result));
    }

    /// <summary>Passes a Ctrl+C on to a run, says what it does, and leaves at the third.</summary>
    public static void Interrupted(Terminal terminal, ScriptInterrupt interrupt)
    {
        switch (interrupt.Press())
        {
            case InterruptStage.Requested:
                terminal.Error.WriteLine("Stopping. Ctrl+C again aborts the script, a third time leaves.");
                break;
            case InterruptStage.Forced:
                terminal.Error.WriteLine("Aborting. Ctrl+C again leaves.");
                break;
            default:
                CtrlC.Leave();
                break;
        }
    }
}
