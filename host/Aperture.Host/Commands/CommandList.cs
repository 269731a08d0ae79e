using System.CommandLine;

namespace Aperture.Host.Commands;

/// <summary>The verbs, in the order in which help lists them. A verb is one file with a factory; adding it is one line here.</summary>
internal static class CommandList
{
    public static IReadOnlyList<Func<CommandContext, Command>> Factories { get; } =
    [
        RunCommand.Create,
        NotebookCommand.Create,
        JupyterCommand.Create,
        ReplCommand.Create,
        AskCommand.Create,
        ChatCommand.Create,
        BenchCommand.Create,
        EvalCommand.Create,
        FitCommand.Create,
        TrainCommand.Create,
        QuantizeCommand.Create,
        ScoreCommand.Create,
        ShelfCommand.Create,
        HeadsCommand.Create,
        DoctorCommand.Create,
        ModelsCommand.Create,
        PullCommand.Create,
        PluginsCommand.Create,
        TasksCommand.Create,
    ];
}
