using System.CommandLine;
using Aperture.Workshop;

namespace Aperture.Host.Commands;

/// <summary><c>aperture shelf references FOLDER</c>: writes shelves with sentences that name one item each, and exact masks.</summary>
internal static class ShelfReferencesCommand
{
    private const int Most = 100_000;

    public static Command Create(CommandContext context)
    {
        Argument<string> folder = new("folder") { Description = "Where pictures, masks and references.jsonl go." };
        Option<ShelfPart> part = ShelfCommand.Part();
        Option<int> perType = new("--per-type") { Description = "Sentences of each of the five types.", HelpName = "count", DefaultValueFactory = _ => 80 };
        Option<long> seed = ShelfCommand.Seed();
        Option<string?> items = ShelfCommand.Items();
        Command command = new("references", "Write shelves with sentences that name one item each, and masks.") { folder, part, perType, seed, items };
        command.SetAction(parsed =>
        {
            int count = parsed.GetValue(perType);
            if (count is < 1 or > Most)
            {
                throw new ApertureException($"--per-type {count}: give 1 to {Most}.");
            }

            string set = parsed.GetRequiredValue(folder);
            int sentences = ShelfReferenceSet.Write(set, FashionItems.Load(parsed.GetValue(part), parsed.GetValue(items)), count, parsed.GetValue(seed));
            context.Terminal.Output.WriteLine($"wrote {sentences} sentences to {Path.GetFullPath(set)}");
            return 0;
        });
        return command;
    }
}
