using Aperture.Images;
using Aperture.Pipelines;
using Aperture.Tasks;
using Aperture.Tests;
using Aperture.Vision;

namespace Aperture.Plugins.DtNet.Tests;

/// <summary>The captioner that comes with the application, opened by its folder alone.</summary>
public sealed class ShippedCaptionerTests
{
    [Fact]
    public async Task It_says_what_stands_on_a_shelf()
    {
        await using EngineSession session = EngineSessions.Open();
        using OpenTask<ICaptioner> dtnet = session.LoadTask<ICaptioner>(Repository.Path("scripts", "models", "tiny-dtnet"));
        Picture shelf = Image.Load(Repository.Path("scripts", "shelf.png")).ToPicture();

        TaskResult<IReadOnlyList<IReadOnlyList<ScoredCaption>>> captions = dtnet.Caption([new CaptionInput(shelf)], new CaptionRequest { Count = 2 });

        Assert.Equal("a purple shirt in the top left and a yellow shirt in the bottom center", captions.Value[0][0].Text);
        Assert.True(captions.Value[0][0].Score > captions.Value[0][1].Score);
        Assert.True(captions.Measure.Flops["tower"] > captions.Measure.Flops["encoder"]);
    }
}
