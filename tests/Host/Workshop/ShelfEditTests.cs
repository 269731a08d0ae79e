using System.Text.Json;
using Aperture.Images;
using Aperture.Workshop;

namespace Aperture.Host.Tests.Workshop;

/// <summary>Shelves with edits and masks.</summary>
public sealed class ShelfEditTests : IDisposable
{
    private readonly ItemFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void An_edit_changes_colour_or_kind_of_the_item_under_its_mask()
    {
        string folder = Path.Combine(_files.Folder, "set"), again = Path.Combine(_files.Folder, "again");
        FashionItems items = FashionItems.Load(ShelfPart.HeldOut, _files.Folder);

        Assert.Equal(6, ShelfEditSet.Write(folder, items, 6, 7));
        ShelfEditSet.Write(again, items, 6, 7);

        string[] list = File.ReadAllLines(Path.Combine(folder, ShelfEditSet.ListFile));
        string[] samples = File.ReadAllLines(Path.Combine(folder, ShelfEditSet.SamplesFile));
        Assert.Equal(list, File.ReadAllLines(Path.Combine(again, ShelfEditSet.ListFile)));
        for (int picture = 0; picture < 6; picture++)
        {
            string[] fields = list[picture].Split(" <> ");
            string[] before = fields[2].Split(' '), after = fields[3].Split(' '); // top left red boot
            Assert.Equal(before[..2], after[..2]);
            Assert.Equal((picture % 2 == 0, picture % 2 != 0), (before[2] != after[2], before[3] != after[3]));
            Assert.Contains($"{before[2]} {before[3]}", fields[1].Replace("dresses", "dress", StringComparison.Ordinal));

            // The edited item's mask fills the box of the region that its sentence names.
            JsonElement sample = JsonElement.Parse(samples[picture]);
            JsonElement region = Assert.Single(
                sample.GetProperty("regions").EnumerateArray(), one => one.GetProperty("texts")[0].GetString() == fields[2]);
            int[] box = region.GetProperty("box").Deserialize<int[]>()!;
            byte[] mask = Image.Load(Path.Combine(folder, fields[0] + "-mask.png")).Pixels.ToArray();
            int[] inside = [.. Enumerable.Range(0, mask.Length).Where(pixel => mask[pixel] == 255)];
            Assert.Equal(box[0], inside.Min(pixel => pixel % ShelfPainter.Side));
            Assert.Equal(box[3] - 1, inside.Max(pixel => pixel / ShelfPainter.Side));
            Assert.Contains(fields[2], sample.GetProperty("captions").Deserialize<string[]>()!);
        }
    }
}
