using Aperture.Plugins.InstDiffEdit.Masks;
using Aperture.Plugins.InstDiffEdit.Stages;

namespace Aperture.Plugins.InstDiffEdit.Tests;

/// <summary>From maps that formulas give to masks, beside the published code's numbers.</summary>
public sealed class MaskTests
{
    private const int Side = 16, Large = 64;

    private static readonly float[][] _maps =
    [
        Map((x, y) => 0.9 - (0.6 * Math.Exp(-Far(x, y) / 18))),
        Map((x, y) => 0.03 + (0.004 * Math.Cos(0.6 * x)) + (0.003 * Math.Sin(0.5 * y))),
        Map((x, y) => 0.01 + (0.2 * Math.Exp(-Far(x, y) / 12))),
        Map((x, y) => 0.02 + (0.01 * Math.Cos(0.4 * x) * Math.Cos(0.3 * y))),
    ];

    [Fact]
    public void Maps_of_two_words_give_the_published_images_labels_and_masks()
    {
        MaskFinder finder = new(WordGroups.Of(["<|startoftext|>", "a", "raccoon", "<|endoftext|>"], "a raccoon").Groups, new EditorOptions());

        StepMask found = finder.Find(Stacked(_maps), Side, Side, Large, Large);

        Assert.Equal([219597, 555132, 150095, 521540], found.Images.Select(image => image.Sum(value => value)));
        Assert.Equal([0x4de52ce1u, 0x8cce3092u, 0x50e7aafdu, 0x802b596bu], found.Images.Select(Crc));
        Assert.Equal([1, 0.593151448, 0.980565315], finder.Labels!.StartSimilarity.Select(value => Math.Round(value, 9)));
        Assert.Equal([0.521396276, 1], finder.Labels.BaseSimilarity.Select(value => Math.Round(value, 9)));
        Assert.Equal([0, -1, 1, 0], finder.Labels.Labels);
        Assert.Equal(87.24706, found.Refined.Sum(value => (double)value), 4);
        Assert.Equal((367, 0x2405aa66u), (found.Mask.Count(value => value > 0), Crc(found.Mask)));
        Assert.Equal((306, 0x6b3b4920u), Counted(found.Refined, 0.3));
    }

    [Fact]
    public void Without_a_background_the_object_alone_is_refined()
    {
        byte[][] images = WordImages.Make(Stacked(_maps), Side, Side, [[0], [1], [2], [3]], Large, Large);

        float[] refined = MaskFinder.Refined(images, [0, 0, 1, 0]);

        Assert.Equal(588.60786, refined.Sum(value => (double)value), 3);
        Assert.Equal((988, 0x27c09107u), Counted(refined, 0.2));
        Assert.Equal((732, 0x80aa895au), Counted(refined, 0.3));
        byte[] mask = MaskFinder.Binary(refined, Large, Large, 0.3).Mask;
        byte[] whole = Images.Image.FromPixels(Images.ImageMode.L, mask, Large, Large).Resize(512, 512).Pixels.ToArray();
        Assert.Equal((46828, 0xb9fb76bau), (whole.Count(value => value >= 128), Crc(whole)));
    }

    [Fact]
    public void Pieces_of_a_word_are_one_image()
    {
        WordGroups groups = WordGroups.Of(["<|startoftext|>", "a", "photo", ",", "of", "cat", "<|endoftext|>"], "A photo, of cat");
        float[][] maps = [_maps[0], _maps[1], Times(_maps[2], 0.5), Times(_maps[1], 0.7), _maps[3], _maps[2], _maps[3]];

        byte[][] images = WordImages.Make(Stacked(maps), Side, Side, groups.Groups, Large, Large);

        Assert.True(groups.Matched);
        Assert.Equal([[0], [1], [2, 3], [4], [5], [6]], groups.Groups);
        Assert.Equal([219597, 555132, 186514, 521540, 150095, 521540], images.Select(image => image.Sum(value => value)));
    }

    [Theory]
    [InlineData("a  racc", new[] { "a", "ra", "c", "c" })] // two blanks: a word without letters
    [InlineData("ab", new[] { "x", "y" })]
    [InlineData("ab", new[] { "a", "b", "c" })]
    public void Words_that_no_tokens_make_leave_each_token_to_itself(string prompt, string[] tokens)
    {
        WordGroups groups = WordGroups.Of(["<", .. tokens, ">"], prompt);
        Assert.False(groups.Matched);
        Assert.Equal(Enumerable.Range(0, tokens.Length + 2).Select(token => new[] { token }), groups.Groups);
    }

    [Fact]
    public void A_flat_map_is_no_mask_and_no_NaN()
    {
        byte[][] images = WordImages.Make(new float[Side * Side * 3], Side, Side, [[0], [1], [2]], Large, Large);
        Assert.All(images, image => Assert.All(image, value => Assert.Equal(0, value)));
        Assert.All(MaskFinder.Binary(new float[Large * Large], Large, Large, 0.2).Mask, value => Assert.Equal(0, value));
        Assert.Equal([0, 1, 1, 0], WordLabels.Find([[0], [0], [0], [0]], 0.9, 0.6).Labels.Select((label, i) => i == 2 ? 1 : label));
    }

    [Fact]
    public void A_mask_settles_when_it_has_stayed()
    {
        byte[] one = [255, 255, 0, 0], other = [255, 0, 0, 0];
        SettledMask settled = new(0.9, 2);
        Assert.Equal([false, false, false, false, true], new[] { other, one, other, other, other }.Select(settled.Add));
        Assert.Equal((0.5, 1.0), (SettledMask.IoU(one, other), SettledMask.IoU([0], [0])));
    }

    private static (int On, uint Crc) Counted(float[] refined, double threshold)
    {
        byte[] mask = MaskFinder.Binary(refined, Large, Large, threshold).Mask;
        return (mask.Count(value => value > 0), Crc(mask));
    }

    private static double Far(int x, int y) => Math.Pow(x - 9, 2) + Math.Pow(y - 6, 2);

    private static float[] Map(Func<int, int, double> value) => [.. Enumerable.Range(0, Side * Side).Select(i => (float)value(i % Side, i / Side))];

    private static float[] Times(float[] map, double factor) => Array.ConvertAll(map, value => (float)(value * factor));

    // [tokens][places] -> [places, tokens]
    private static float[] Stacked(float[][] maps) => [.. Enumerable.Range(0, Side * Side).SelectMany(place => maps.Select(map => map[place]))];

    private static uint Crc(byte[] bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0xEDB88320;
            }
        }

        return ~crc;
    }
}
