using System.CommandLine;
using Aperture.Workshop;

namespace Aperture.Host.Commands;

/// <summary><c>aperture shelf captions FOLDER</c>: writes shelves with sentences that describe them.</summary>
internal static class ShelfCaptionsCommand
{
    private const int Most = 100_000;

    public static Command Create(CommandContext context)
    {
        Argument<string> folder = new("folder") { Description = "Where pictures, captions.jsonl and references.json go." };
        Option<ShelfPart> part = ShelfCommand.Part();
        Option<int> pictures = new("--pictures")
        {
            Description = "How many pictures, with five sentences each.",
            HelpName = "count",
            DefaultValueFactory = _ => 300,
        };
        Option<long> seed = ShelfCommand.Seed();
        Option<string?> items = ShelfCommand.Items();
        Command command = new("captions", "Write shelves with sentences that describe them.") { folder, part, pictures, seed, items };
        command.SetAction(parsed =>
        {
            int count = parsed.GetValue(pictures);
            if (count is < 1 or > Most)
            {
                throw new ApertureException($"--pictures {count}: give 1 to {Most}.");
            }

            string set = parsed.GetRequiredValue(folder);
            ShelfCaptionSet.Write(set, FashionItems.Load(parsed.GetValue(part), parsed.GetValue(items)), count, parsed.GetValue(seed));
            context.Terminal.Output.WriteLine($"wrote {count} pictures with their captions to {Path.GetFullPath(set)}");
            return 0;
        });
        return command;
    }
}
