using System.CommandLine;
using Aperture.Host.Commands;
using Aperture.Natives;

namespace Aperture.Host;

/// <summary>Builds the command tree and runs one command line.</summary>
internal static class CommandLine
{
    /// <summary>How command lines are read: a word that begins with @ is that word, not a file of further words.</summary>
    public static ParserConfiguration Reading { get; } = new() { ResponseFileTokenReplacer = null };

    public static async Task<int> RunAsync(string[] args, Terminal terminal)
    {
        using CtrlC ctrlC = new CtrlC();
        CommandContext context = new CommandContext(terminal, new ComputeOptions(terminal.Warn), new PluginSources(terminal.Warn), ctrlC);
        int code = await RunAsync(args, context).ConfigureAwait(false);
        if (context.IsLeftRunning)
        {
            ProcessEnd.Now(code);
        }

        return code;
    }

    public static RootCommand Create(CommandContext context)
    {
        RootCommand root = CreateWithoutVerbs(context);
        foreach (Func<CommandContext, Command> create in CommandList.Factories)
        {
            root.Subcommands.Add(create(context));
        }

        return root;
    }

    /// <summary>What every command line has: help, version and the options that all verbs take.</summary>
    public static RootCommand CreateWithoutVerbs(CommandContext context)
    {
        RootCommand root = new("Aperture: efficient vision-language models in C#.");
        context.Compute.AddTo(root);
        context.Plugins.AddTo(root);
        CommandExamples.AddTo(root);
        return root;
    }

    private static async Task<int> RunAsync(string[] args, CommandContext context)
    {
        try
        {
            args = args.Length == 0 ? ["--help"] : args; // Who types the name alone wants to know what there is.
            TorchNatives.Preload();
            RootCommand root = Create(context);
            ParseResult words = CreateWithoutVerbs(context).Parse(args, Reading);
            await using PluginCommands? plugins = PluginCommands.WantedBy(words, root) ? new PluginCommands(context, words) : null;
            plugins?.AddTo(root);
            ParseResult parsed = root.Parse(args, Reading);
            if (ParseErrors.Find(parsed) is { } error)
            {
                throw new ApertureException(error);
            }

            return await parsed.InvokeAsync(
                new InvocationConfiguration
                {
                    EnableDefaultExceptionHandler = false,
                    ProcessTerminationTimeout = null,
                    Output = context.Terminal.Output,
                    Error = context.Terminal.Error,
                },
                context.CtrlC.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // Every exception ends here, as a line and an exit code.
            return ErrorReport.Write(context.Terminal, e);
        }
    }
}
