using System.Text.Json;
using Aperture.Data;
using Aperture.Workshop;

namespace Aperture.Host.Tests.Workshop;

/// <summary>Sentences that describe a shelf.</summary>
public sealed class ShelfCaptionTests : IDisposable
{
    private const int Bag = 4, Boot = 5, Dress = 2, Red = 0, Blue = 2, White = 5;

    private readonly ItemFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void A_shelf_is_described_in_five_ways()
        => Assert.Equal(
            [
                "two red boots, a blue dress and a white bag",
                "two boots, a dress and a bag on a shelf",
                "a boot and a dress at the top, a boot in the middle, a bag at the bottom",
                "a red boot in the top left and a white bag in the bottom right",
                "four items on a shelf, two red, one blue and one white",
            ],
            ShelfCaptions.Of(Scenes.Of((0, Boot, Red), (1, Dress, Blue), (3, Boot, Red), (8, Bag, White))));

    [Fact]
    public void Items_of_one_look_are_counted()
        => Assert.Equal(
            [
                "two red dresses",
                "two dresses on a shelf",
                "a dress and a dress at the top",
                "a red dress in the top left and a red dress in the top center",
                "two items on a shelf, two red",
            ],
            ShelfCaptions.Of(Scenes.Of((0, Dress, Red), (1, Dress, Red))));

    [Fact]
    public void A_set_is_the_same_each_time_and_its_references_are_its_captions()
    {
        string folder = Path.Combine(_files.Folder, "set"), again = Path.Combine(_files.Folder, "again");
        FashionItems items = FashionItems.Load(ShelfPart.HeldOut, _files.Folder);

        ShelfCaptionSet.Write(folder, items, 4, 7);
        ShelfCaptionSet.Write(again, items, 4, 7);

        string[] files = [.. Directory.GetFiles(folder).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];
        Assert.Equal(["000000.png", "000001.png", "000002.png", "000003.png", "captions.jsonl", "references.json"], files);
        Assert.All(files, file => Assert.Equal(File.ReadAllBytes(Path.Combine(folder, file)), File.ReadAllBytes(Path.Combine(again, file))));
        Dictionary<string, string[]> references
            = JsonSerializer.Deserialize<Dictionary<string, string[]>>(File.ReadAllText(Path.Combine(folder, ShelfCaptionSet.ReferencesFile)))!;
        Assert.All(File.ReadAllLines(Path.Combine(folder, ShelfCaptionSet.SamplesFile)), line =>
        {
            JsonElement json = JsonElement.Parse(line);
            Assert.Equal(json.GetProperty("captions").Deserialize<string[]>(), references[json.GetProperty("image").GetString()!]);
        });
    }
}
