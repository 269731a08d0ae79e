using System.CommandLine;
using Aperture.Workshop;

namespace Aperture.Host.Commands;

/// <summary><c>aperture heads FOLDER</c>: writes heads seen from several points, to train a face generator on and to measure it with.</summary>
internal static class HeadsCommand
{
    private const int MostHeads = 100_000, MostViews = 100;

    public static Command Create(CommandContext context)
    {
        Argument<string> folder = new("folder") { Description = "Where pictures, depths, edits and heads.jsonl go." };
        Option<HeadPart> part = new("--part")
        {
            Description = "Combinations of attributes: those of training, or those held out.",
            HelpName = "part",
            DefaultValueFactory = _ => HeadPart.HeldOut,
        };
        Option<int> heads = new("--heads") { Description = "How many heads.", HelpName = "count", DefaultValueFactory = _ => 100 };
        Option<int> views = new("--views") { Description = "Views of each head.", HelpName = "count", DefaultValueFactory = _ => 4 };
        Option<long> seed = ShelfCommand.Seed();
        Command command = new("heads", "Write heads from several points, to train a face generator on.") { folder, part, heads, views, seed };
        command.SetAction(async (parsed, _) =>
        {
            int wanted = InRange("--heads", parsed.GetValue(heads), MostHeads), each = InRange("--views", parsed.GetValue(views), MostViews);
            string set = parsed.GetRequiredValue(folder);
            int written = await Progressing.RunAsync(
                context.Terminal, "painting heads", wanted,
                progress => HeadSet.Write(set, parsed.GetValue(part), wanted, each, parsed.GetValue(seed), progress)).ConfigureAwait(false);
            context.Terminal.Output.WriteLine($"wrote {written} views of {wanted} heads to {Path.GetFullPath(set)}");
            return 0;
        });
        return command;
    }

    private static int InRange(string name, int value, int most)
        => value is >= 1 && value <= most ? value : throw new ApertureException($"{name} {value}: give 1 to {most}.");
}
