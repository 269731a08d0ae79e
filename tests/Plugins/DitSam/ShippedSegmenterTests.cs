using Aperture.Images;
using Aperture.Pipelines;
using Aperture.Tasks;
using Aperture.Tests;
using Aperture.Vision;

namespace Aperture.Plugins.DitSam.Tests;

/// <summary>The segmenter that comes with the application, opened by its folder alone.</summary>
public sealed class ShippedSegmenterTests
{
    // Middles of the yellow shirt, the lower boot, the upper boot and the purple dress.
    private static readonly (int X, int Y)[] _middles = [(48, 80), (14, 82), (48, 16), (82, 16)];

    [Theory]
    [InlineData("the shirt in the bottom center", 0)]
    [InlineData("the boot on the left", 1)]
    [InlineData("the second boot from the left", 2)]
    public async Task A_sentence_finds_its_item_and_no_other(string sentence, int item)
    {
        await using EngineSession session = EngineSessions.Open();
        using OpenTask<ISegmenter> dit = session.LoadTask<ISegmenter>(Repository.Path("scripts", "models", "tiny-dit"));
        Image shelf = Image.Load(Repository.Path("scripts", "shelf.png"));

        MaskImage mask = dit.Segment(shelf, [new SegmentPrompt { Text = sentence }]).Value[0][0].Mask;

        Assert.Equal([.. _middles.Select((_, place) => place == item)], _middles.Select(middle => mask.IsInside(middle.X, middle.Y)));
    }
}
