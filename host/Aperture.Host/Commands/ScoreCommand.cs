using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Files;
using Aperture.Scripting;
using Aperture.Text;

namespace Aperture.Host.Commands;

/// <summary>
/// <c>aperture score CAPTIONS REFERENCES</c>: scores captions as the captioning literature does, without a model and without Java.
/// </summary>
internal static class ScoreCommand
{
    public static Command Create(CommandContext context)
    {
        Argument<string> captions = new("captions")
        {
            Description = "Captions by picture: MS-COCO's results ([{\"image_id\": 1, \"caption\": \"…\"}]) or {\"1\": \"…\"}.",
        };
        Argument<string> references = new("references")
        {
            Description = "People's sentences by picture: MS-COCO's annotations ({\"annotations\": […]}) or {\"1\": [\"…\"]}.",
        };
        Option<bool> tokenised = new("--tokenised") { Description = "Both are tokenised already: words with blanks between, in lower case." };
        Option<string?> rarity = new("--rarity")
        {
            Description = "Count for CIDEr how rare words are in these references, such as a training set's, instead of in those that are scored against.",
            HelpName = "file",
        };
        Option<string?> each = new("--each") { Description = "Write every caption's scores to this JSON file.", HelpName = "file" };
        Option<bool> json = new("--json") { Description = "Write the scores as JSON." };
        Command command = new("score", "Score captions: BLEU, ROUGE-L, CIDEr-D and CIDEr, as MS-COCO's scorers do.")
        {
            captions, references, tokenised, rarity, each, json,
        };
        command.SetAction(parsed => Run(
            context.Terminal, parsed.GetRequiredValue(captions), parsed.GetRequiredValue(references),
            new Settings(!parsed.GetValue(tokenised), parsed.GetValue(rarity), parsed.GetValue(each), parsed.GetValue(json))));
        return command;
    }

    private static int Run(Terminal terminal, string captions, string references, Settings settings)
    {
        IReadOnlyList<CaptionedItem> items = CaptionFile.Join(CaptionFile.Read(captions), CaptionFile.Read(references), settings.Tokenise);
        IReadOnlyCollection<IReadOnlyList<string>>? rarity = settings.Rarity is { } file
            ? [.. CaptionFile.Read(file).Select(pair => settings.Tokenise ? [.. pair.Value.Select(PtbTokenizer.Tokenize)] : pair.Value)]
            : null;
        CaptionScores scores = CaptionScores.Of(items, rarity);
        if (settings.Each is { } output)
        {
            AtomicFile.Write(output, JsonSerializer.SerializeToUtf8Bytes(Each(items, scores)));
        }

        if (settings.Json)
        {
            JsonObject all = new() { ["captions"] = items.Count };
            foreach ((string name, CaptionScore score) in scores.Named)
            {
                all[name] = score.Total;
            }

            terminal.Output.WriteLine(all.ToJsonString());
            return 0;
        }

        terminal.Show(new DisplayTable(
            ["captions", .. scores.Named.Select(pair => pair.Name)],
            [
                [
                    items.Count.ToString(CultureInfo.InvariantCulture),
                    .. scores.Named.Select(pair => (100 * pair.Score.Total).ToString("0.00", CultureInfo.InvariantCulture)),
                ],
            ]));
        terminal.Output.WriteLine("Scores times 100. CIDEr-D is what papers report as CIDEr.");
        return 0;
    }

    private static JsonArray Each(IReadOnlyList<CaptionedItem> items, CaptionScores scores)
    {
        JsonArray all = [];
        for (int i = 0; i < items.Count; i++)
        {
            JsonObject one = new() { ["image_id"] = items[i].Id, ["caption"] = items[i].Caption };
            foreach ((string name, CaptionScore score) in scores.Named)
            {
                one[name] = score.Each[i];
            }

            all.Add((JsonNode)one);
        }

        return all;
    }

    private sealed record Settings(bool Tokenise, string? Rarity, string? Each, bool Json);
}
