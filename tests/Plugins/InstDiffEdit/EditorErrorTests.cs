using Aperture.Decoding;
using Aperture.Diffusion;
using Aperture.Tasks;
using Aperture.Vision;

namespace Aperture.Plugins.InstDiffEdit.Tests;

public sealed class EditorErrorTests(TinyEditor tiny) : IClassFixture<TinyEditor>
{
    public static TheoryData<EditRequest, string> Requests => new()
    {
        { TinyEditor.Request(""), "Target has no words" },
        { TinyEditor.Request("   "), "Target has no words" },
        { TinyEditor.Request("a cat") with { Source = "A cat " }, "Source and Target are the same sentence, 'a cat'; nothing would change." },
        { TinyEditor.Request(string.Join(' ', Enumerable.Repeat("dog", 76))), "A sentence of 76 tokens is too long, the text encoder takes 75" },
        { TinyEditor.Request() with { Steps = 0 }, "Steps is 0; give 4 to 1000." },
        { TinyEditor.Request() with { Steps = 1001 }, "Steps is 1001; give 4 to 1000." },
        { TinyEditor.Request() with { Strength = 0 }, "Strength is 0; give a number above 0, at most 1." },
        { TinyEditor.Request() with { Strength = double.NaN }, "Strength is NaN" },
        { TinyEditor.Request() with { Strength = 0.1 }, "Strength 0.1 of 8 steps is less than one step; give more of either." },
        { TinyEditor.Request() with { Guidance = -1 }, "Guidance is -1; give 1 (no guidance) or more." },
        { TinyEditor.Request() with { Guidance = double.PositiveInfinity }, "Guidance is Infinity" },
        { TinyEditor.Request() with { Seed = -5 }, "Seed is -5; give 0 to 9223372036854775807." },
    };

    [Theory]
    [MemberData(nameof(Requests))]
    public void A_request_that_makes_no_sense_is_one_line(EditRequest request, string message)
    {
        using DiffusionEditor editor = tiny.Open();
        AssertLine(message, () => editor.Edit(TinyEditor.Photo, request, TaskRun.Plain));
    }

    [Theory]
    [InlineData(63, 200, "A picture of 63x200 pixels is too small to edit; its sides must have 64 or more.")]
    [InlineData(64, 300, "A picture of 64x300 pixels is more than 4 times as long as wide; crop it, or leave KeepAspect out.")]
    public void A_picture_that_cannot_be_edited_is_one_line(int width, int height, string message)
    {
        using DiffusionEditor editor = tiny.Open(new { KeepAspect = true });
        AssertLine(message, () => editor.Edit(new Picture(new byte[width * height * 3], width, height), TinyEditor.Request(), TaskRun.Plain));
    }

    [Fact]
    public void DiffEdit_asks_for_a_source()
    {
        using DiffusionEditor editor = tiny.Open(new { Method = "diffedit" });
        AssertLine("Method diffedit needs Source", () => editor.Edit(TinyEditor.Photo, TinyEditor.Request(), TaskRun.Plain));
    }

    [Fact]
    public void A_map_that_is_not_there_is_told_with_those_that_are()
    {
        using DiffusionEditor editor = tiny.Open(new { MapResolution = 4 });
        AssertLine(
            "the UNet attends to words on no map of side 4; set MapResolution to 8.", () => editor.Edit(TinyEditor.Photo, TinyEditor.Request(), TaskRun.Plain));
    }

    [Fact]
    public void Options_that_do_not_fit_are_one_line_and_leave_no_tensor()
    {
        LiveTensors.MustNotGrow(() =>
        {
            AssertLine("Weights is int4; it can be stored, int8.", () => tiny.Open(new { Weights = "int4" }).Dispose());
            AssertLine("Preset is paper; it can be benchmark, sample.", () => tiny.Open(new { Preset = "paper" }).Dispose());
            AssertLine("ObjectThreshold 0.5 must be above BackgroundThreshold 0.6", () => tiny.Open(new { ObjectThreshold = 0.5 }).Dispose());
            AssertLine("Output inpaint needs Inpaint", () => tiny.Open(new { Output = "inpaint" }, paints: false).Dispose());
            AssertLine(
                "the UNet of Inpaint takes 4 channels, but an inpainting model takes 9", () => tiny.Open(new { Inpaint = TinyEditor.Checkpoint }).Dispose());
            AssertLine("There is no 'nowhere'.", () => tiny.Open(new { Inpaint = "nowhere" }).Dispose());
        });
    }

    [Fact]
    public void Weights_in_few_bits_that_gain_nothing_are_told_of()
    {
        List<string> lines = [];
        using DiffusionModel model = DiffusionModel.Open(TinyEditor.Checkpoint, new DiffusionModelOptions { Weights = WeightFormat.Int8, Tell = lines.Add });
        using DiffusionEditor editor = tiny.Open(new { Weights = "int8" }, paints: false), stored = tiny.Open(paints: false);

        Assert.Contains(lines, line => line.StartsWith("checkpoint: Weights in int8 change nothing", StringComparison.Ordinal));
        Assert.Equal(stored.Summary, editor.Summary);
    }

    private static void AssertLine(string expected, Action action)
    {
        string message = Assert.Throws<ApertureException>(action).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }
}
