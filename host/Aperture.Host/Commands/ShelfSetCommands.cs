using System.CommandLine;
using Aperture.Workshop;

namespace Aperture.Host.Commands;

/// <summary>
/// <c>aperture shelf references</c>, <c>captions</c> and <c>edits FOLDER</c>: write shelves to train segmenters, captioners and image editors on, and to
/// measure them with.
/// </summary>
internal static class ShelfSetCommands
{
    private const int Most = 100_000;

    private delegate int Writer(string folder, FashionItems items, int count, long seed, IProgress<int> progress);

    public static IEnumerable<Command> Create(CommandContext context) =>
    [
        Make(
            context, "references", "Write shelves with sentences that name one item each, and masks.", "Where pictures, masks and references.jsonl go.",
            ("--per-type", "Sentences of each of the five types.", 80), "sentences", ShelfReferenceSet.Write,
            each: Enum.GetValues<ShelfReferenceType>().Length),
        Make(
            context, "captions", "Write shelves with sentences that describe them.", "Where pictures, captions.jsonl and references.json go.",
            ("--pictures", "How many pictures, with five sentences each.", 300), "pictures with their captions", ShelfCaptionSet.Write),
        Make(
            context, "edits", "Write shelves with edits and masks, to train an image editor on and to measure it with.",
            "Where pictures, masks, edits.jsonl and edits.txt go.", ("--pictures", "How many pictures, with one edit each.", 100),
            "pictures with an edit each", ShelfEditSet.Write),
    ];

    private static Command Make(
        CommandContext context, string name, string summary, string target, (string Name, string Description, int Default) size, string what, Writer write,
        int each = 1)
    {
        Argument<string> folder = new("folder") { Description = target };
        Option<ShelfPart> part = ShelfCommand.Part();
        Option<int> count = new(size.Name) { Description = size.Description, HelpName = "count", DefaultValueFactory = _ => size.Default };
        Option<long> seed = ShelfCommand.Seed();
        Option<string?> items = ShelfCommand.Items();
        Command command = new(name, summary) { folder, part, count, seed, items };
        command.SetAction(async (parsed, _) =>
        {
            int wanted = parsed.GetValue(count);
            if (wanted is < 1 or > Most)
            {
                throw new ApertureException($"{size.Name} {wanted}: give 1 to {Most}.");
            }

            string set = parsed.GetRequiredValue(folder);
            FashionItems painted = FashionItems.Load(parsed.GetValue(part), parsed.GetValue(items));
            int written = await Progressing.RunAsync(
                context.Terminal, "painting shelves", wanted * each, progress => write(set, painted, wanted, parsed.GetValue(seed), progress))
                .ConfigureAwait(false);
            context.Terminal.Output.WriteLine($"wrote {written} {what} to {Path.GetFullPath(set)}");
            return 0;
        });
        return command;
    }
}
