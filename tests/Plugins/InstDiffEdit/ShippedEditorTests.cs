using Aperture.Images;
using Aperture.Pipelines;
using Aperture.Tasks;
using Aperture.Tests;
using Aperture.Vision;

namespace Aperture.Plugins.InstDiffEdit.Tests;

/// <summary>The editor that comes with the application, opened by its folder alone.</summary>
[Trait("Category", "Process")] // Starts none, but denoises for seconds.
public sealed class ShippedEditorTests
{
    // Middles of the yellow shirt, the lower boot, the upper boot and the purple dress.
    private static readonly (int X, int Y)[] _middles = [(48, 80), (14, 82), (48, 16), (82, 16)];

    private static readonly Image _shelf = Image.Load(Repository.Path("scripts", "shelf.png"));

    [Theory]
    [InlineData("bottom center red shirt", 0)]
    [InlineData("bottom left green boot", 1)]
    public async Task A_sentence_finds_the_item_in_its_place_and_no_other(string sentence, int item)
    {
        MaskImage mask = (await Edit(sentence, maskOnly: true)).Mask!;

        Assert.Equal([.. _middles.Select((_, place) => place == item)], _middles.Select(middle => mask.IsInside(middle.X, middle.Y)));
    }

    [Theory]
    [InlineData("red shirt", 0)]
    [InlineData("green dress", 1)]
    [InlineData("blue shirt", 2)]
    public async Task It_paints_the_colour_that_the_sentence_names(string item, int channel)
    {
        Picture painted = (await Edit("bottom center " + item)).Picture!;

        byte[] pixels = painted.Rgb.ToArray();
        double Mean(int which) => (from y in Enumerable.Range(74, 12)
                                   from x in Enumerable.Range(43, 10)
                                   select (double)pixels[(((y * painted.Width) + x) * 3) + which]).Average();
        double[] colour = [Mean(0), Mean(1), Mean(2)];
        Assert.True(colour[channel] > 1.3 * colour.Where((_, which) => which != channel).Max(), string.Join(", ", colour));
    }

    [Fact]
    public async Task What_is_painted_changes_the_place_and_leaves_the_rest()
    {
        EditedPicture edited = await Edit("bottom center red shirt");

        byte[] before = _shelf.ConvertToRgb().Pixels.ToArray(), after = edited.Picture!.Rgb.ToArray();
        double Change(Func<int, int, bool> counts) => Enumerable.Range(0, before.Length)
            .Where(at => counts(at / 3 % _shelf.Width, at / 3 / _shelf.Width)).Average(at => Math.Abs(before[at] - after[at]));
        double inside = Change((x, y) => x is >= 36 and < 60 && y is >= 66 and < 92), outside = Change((x, y) => y < 60 && x < 60);
        Assert.True(inside > 2 * outside, $"{inside} inside, {outside} outside");
    }

    private static async Task<EditedPicture> Edit(string sentence, bool maskOnly = false)
    {
        await using EngineSession session = EngineSessions.Open();
        using OpenTask<IImageEditor> editor = session.LoadTask<IImageEditor>(Repository.Path("scripts", "models", "tiny-editor"));
        return editor.Edit(_shelf, new EditRequest { Target = sentence, Seed = 1, MaskOnly = maskOnly }).Value;
    }
}
