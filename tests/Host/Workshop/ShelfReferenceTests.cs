using System.Text.Json;
using Aperture.Data;
using Aperture.Images;
using Aperture.Workshop;

namespace Aperture.Host.Tests.Workshop;

/// <summary>Sentences that name one item of a shelf, and the items' masks.</summary>
public sealed class ShelfReferenceTests : IDisposable
{
    private const int Bag = 4, Boot = 5, Dress = 2, Red = 0, Blue = 2;

    private readonly ItemFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void A_mask_is_where_the_picture_changes_with_the_items_colour()
    {
        FashionItems items = FashionItems.Load(ShelfPart.HeldOut, _files.Folder);
        ShelfScene red = Scenes.Of((1, Bag, Red), (5, Boot, Red)), blue = Scenes.Of((1, Bag, Blue), (5, Boot, Red));
        byte[] first = ShelfPainter.Paint(red, items, new SeededRandom(3)), second = ShelfPainter.Paint(blue, items, new SeededRandom(3));

        byte[]?[] masks = ShelfMasks.Of(red, items, new SeededRandom(3));

        Assert.Null(masks[0]);
        byte[] mask = masks[1]!;
        int inside = mask.Count(value => value == 255);
        Assert.InRange(inside, 30, FashionItems.Side * FashionItems.Side);
        int Change(int pixel) => Enumerable.Range(3 * pixel, 3).Max(i => Math.Abs(first[i] - second[i]));
        Assert.All(Enumerable.Range(0, mask.Length).Where(pixel => mask[pixel] == 255), pixel => Assert.True(Change(pixel) > 10, $"{pixel}"));
        Assert.All(Enumerable.Range(0, mask.Length).Where(pixel => Change(pixel) > 100), pixel => Assert.Equal(255, mask[pixel]));
    }

    [Fact]
    public void Sentences_name_one_item()
    {
        ShelfScene scene = Scenes.Of((0, Boot, Red), (1, Dress, Blue), (2, Boot, Blue), (8, Bag, Red));

        string[] All(ShelfReferenceType type)
            =>
            [
                .. Enumerable.Range(0, 60).Select(i => ShelfReference.Ask(scene, type, new SeededRandom(i))!.Sentence).Distinct().Order(StringComparer.Ordinal),
            ];

        Assert.Equal(["the blue boot", "the blue dress", "the red bag", "the red boot"], All(ShelfReferenceType.Look));
        Assert.Equal(["the boot on the left", "the boot on the right"], All(ShelfReferenceType.Side));
        Assert.Equal(
            ["the first boot from the left", "the first boot from the right", "the second boot from the left", "the second boot from the right"],
            All(ShelfReferenceType.Rank));
        // Both boots are beside the dress, so that it names neither; each of them names the dress.
        Assert.Equal(["the dress next to the blue boot", "the dress next to the red boot"], All(ShelfReferenceType.Neighbour));
        Assert.Equal(0, ShelfReference.Ask(scene, ShelfReferenceType.Place, Picking(scene, "the boot in the top left"))!.Place);
        Assert.Null(ShelfReference.Ask(Scenes.Of((0, Boot, Red)), ShelfReferenceType.Rank, new SeededRandom(1)));
    }

    [Fact]
    public void A_set_is_the_same_each_time_and_reads_as_samples()
    {
        string folder = Path.Combine(_files.Folder, "set"), again = Path.Combine(_files.Folder, "again");
        FashionItems items = FashionItems.Load(ShelfPart.HeldOut, _files.Folder);

        Assert.Equal(10, ShelfReferenceSet.Write(folder, items, 2, 7));
        ShelfReferenceSet.Write(again, items, 2, 7);

        string[] lines = File.ReadAllLines(Path.Combine(folder, ShelfReferenceSet.ReferencesFile));
        Assert.Equal(lines, File.ReadAllLines(Path.Combine(again, ShelfReferenceSet.ReferencesFile)));
        Assert.All(lines, line =>
        {
            JsonElement json = JsonSerializer.Deserialize<JsonElement>(line);
            Image Load(string field) => Image.Load(Path.Combine(folder, json.GetProperty(field).GetString()!));
            byte[] mask = Load("mask").Pixels.ToArray(), kind = Load("kind_mask").Pixels.ToArray();
            Assert.Equal(ShelfPainter.Side, Load("image").Width);
            Assert.Contains(mask, value => value == 255);
            Assert.All(mask.Zip(kind), pixel => Assert.True(pixel.First <= pixel.Second));
        });
    }

    private static SeededRandom Picking(ShelfScene scene, string sentence)
        => new(Enumerable.Range(0, 1000).First(seed => ShelfReference.Ask(scene, ShelfReferenceType.Place, new SeededRandom(seed))!.Sentence == sentence));
}
