using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Tasks;
using Aperture.Vision;

namespace Aperture.Plugins.E3FaceNet.Tests;

public sealed class GeneratorTests(TinyFace tiny) : IClassFixture<TinyFace>
{
    [Fact]
    public void Views_cost_one_mapping_and_a_rendering_each_and_leave_no_tensor()
    {
        using FaceGenerator generator = tiny.Open();
        Clock clock = new();
        IReadOnlyList<FaceView>? views = null;

        LiveTensors.MustNotGrow(() => views = generator.Generate(TinyFace.Request, new TaskRun { Clock = clock }));

        FaceConfig config = TinyFace.Config;
        Assert.Equal(TinyFace.Request.Views, views!.Select(view => view.View));
        Assert.All(views!, view => Assert.Equal((32, 32, true), (view.Picture.Width, view.Picture.Height, view.Edited is null)));
        Assert.Equal(FaceCost.Mapping(config), clock.Flops["mapping"]);
        Assert.Equal(3 * FaceCost.Rays(config, 12, 4), clock.Flops["rays"]);
        Assert.Equal(3 * FaceCost.Blocks(config, 2), clock.Flops["blocks"]);
        Assert.Equal(3 * FaceCost.Enhancer(config, 2, 12, folded: true), clock.Flops["enhancer"]);
        Assert.Equal(["text", "mapping", "rays", "enhancer", "blocks", "pictures"], clock.Stages.Distinct());
        Assert.NotEqual(views![0].Picture.Rgb.ToArray(), views[1].Picture.Rgb.ToArray());
    }

    [Fact]
    public void A_seed_and_a_sentence_say_what_comes_out()
    {
        using FaceGenerator generator = tiny.Open();
        byte[] Face(long seed, string text) => Bytes(generator.Generate(TinyFace.Request with { Seed = seed, Text = text }, TaskRun.Plain)[1].Picture);

        byte[] first = Face(7, "a face");

        Assert.Equal(first, Face(7, "a face"));
        Assert.NotEqual(first, Face(8, "a face"));
        Assert.NotEqual(first, Face(7, "a head"));
    }

    [Fact]
    public void Truncation_to_zero_forgets_the_seed_but_for_the_background()
    {
        using FaceGenerator generator = tiny.Open(new { Background = false });
        byte[] Face(long seed) => Bytes(generator.Generate(TinyFace.Request with { Seed = seed, Truncation = 0 }, TaskRun.Plain)[1].Picture);

        Assert.Equal(Face(7), Face(8));
    }

    [Theory]
    [InlineData("""{"ViewBatch": 3}""")]
    [InlineData("""{"SliceRows": 3}""")]
    [InlineData("""{"Enhancer": "direct"}""")]
    public void Batches_slices_and_the_folded_enhancer_change_nothing_that_is_seen(string options)
    {
        using FaceGenerator plain = tiny.Open(), other = tiny.Open(System.Text.Json.JsonSerializer.Deserialize<System.Text.Json.JsonElement>(options));

        IReadOnlyList<FaceView> expected = plain.Generate(TinyFace.Request, TaskRun.Plain), actual = other.Generate(TinyFace.Request, TaskRun.Plain);

        Assert.All(expected.Zip(actual), pair => AssertNear(pair.First.Picture, pair.Second.Picture, 1));
    }

    [Fact]
    public void Half_precision_shows_nearly_the_same()
    {
        using FaceGenerator plain = tiny.Open(), half = tiny.Open(new { Type = "bfloat16" });

        AssertNear(
            plain.Generate(TinyFace.Request, TaskRun.Plain)[0].Picture, half.Generate(TinyFace.Request, TaskRun.Plain)[0].Picture, 16);
    }

    [Fact]
    public void An_edit_of_weight_one_changes_nothing_and_less_changes_more()
    {
        using FaceGenerator generator = tiny.Open();
        double Change(double alpha)
        {
            FaceView view = generator.Generate(TinyFace.Request with { EditText = "old", EditAlpha = alpha, Views = [ViewPoint.Front] }, TaskRun.Plain)[0];
            return Bytes(view.Picture).Zip(Bytes(view.Edited!), (a, b) => Math.Abs(a - b)).Average();
        }

        double none = Change(1), half = Change(0.5), all = Change(0);

        Assert.Equal(0, none);
        Assert.True(half > 0 && all > half, $"{none}, {half}, {all}");
    }

    [Fact]
    public void An_edit_shares_the_background_unless_it_is_to_have_the_published_one()
    {
        using FaceGenerator shared = tiny.Open(), own = tiny.Open(new { ShareBackground = false });
        FaceRequest request = TinyFace.Request with { EditText = "old", EditAlpha = 1, Views = [ViewPoint.Front] };

        FaceView same = shared.Generate(request, TaskRun.Plain)[0], other = own.Generate(request, TaskRun.Plain)[0];

        Assert.Equal(Bytes(same.Picture), Bytes(other.Picture));
        Assert.Equal(Bytes(same.Picture), Bytes(same.Edited!));
        Assert.NotEqual(Bytes(other.Picture), Bytes(other.Edited!));
    }

    [Fact]
    public void Shared_offsets_cost_one_enhancer_and_leave_the_first_view_as_it_is()
    {
        using FaceGenerator plain = tiny.Open(), shared = tiny.Open(new { ShareOffsets = true });
        Clock clock = new();
        IReadOnlyList<FaceView>? views = null;

        LiveTensors.MustNotGrow(() => views = shared.Generate(TinyFace.Request, new TaskRun { Clock = clock }));

        Assert.Equal(Bytes(plain.Generate(TinyFace.Request, TaskRun.Plain)[0].Picture), Bytes(views![0].Picture));
        Assert.Equal(FaceCost.Enhancer(TinyFace.Config, 2, 12, folded: true), clock.Flops["enhancer"]);
    }

    [Theory]
    [InlineData("depth", 8)]
    [InlineData("points", 8)]
    [InlineData("normals", 6)]
    [InlineData("gradient", 8)]
    [InlineData("rays", 8)]
    public void What_rays_end_at_can_be_shown(string render, int side)
    {
        using FaceGenerator generator = tiny.Open(new { Render = render });
        IReadOnlyList<FaceView>? views = null;

        LiveTensors.MustNotGrow(() => views = generator.Generate(TinyFace.Request, TaskRun.Plain));

        Assert.All(views!, view => Assert.Equal((side, side), (view.Picture.Width, view.Picture.Height)));
        Assert.True(Bytes(views![0].Picture).Distinct().Count() > 4);
    }

    [Fact]
    public void Every_picture_is_told_of_with_a_preview_where_asked_and_far_views_with_a_notice()
    {
        using FaceGenerator generator = tiny.Open();
        List<TaskProgress> seen = [];
        FaceRequest request = TinyFace.Request with { EditText = "old", Views = [ViewPoint.Front, new ViewPoint(1.2, 0)] };

        generator.Generate(request, new TaskRun { Progress = new Listener(seen.Add), WantsPreviews = true });

        Assert.StartsWith("1 of 2 view points lie beyond what faces were trained at (yaw 1.2, pitch 0)", seen[0].Stage);
        Assert.Equal([1, 2, 3, 4], seen.Skip(1).Select(step => step.Done));
        Assert.All(seen.Skip(1), step => Assert.Equal(("views", 4, 32), (step.Stage, step.Total, step.Picture!.Width)));
    }

    [Fact]
    public void Cancelling_ends_it_between_views_and_leaves_no_tensor()
    {
        using FaceGenerator generator = tiny.Open();
        int shown = 0;

        LiveTensors.MustNotGrow(() =>
        {
            using CancellationTokenSource stop = new();
            Listener listener = new(_ =>
            {
                shown++;
                stop.Cancel();
            });
            Assert.Throws<OperationCanceledException>(
                () => generator.Generate(TinyFace.Request, new TaskRun { Cancellation = stop.Token, Progress = listener }));
        });

        Assert.Equal(1, shown);
    }

    private static byte[] Bytes(Picture picture) => picture.Rgb.ToArray();

    private static void AssertNear(Picture expected, Picture actual, int most)
        => Assert.True(Bytes(expected).Zip(Bytes(actual), (a, b) => Math.Abs(a - b)).Max() <= most);

    private sealed class Clock : ITaskClock
    {
        public List<string> Stages { get; } = [];

        public Dictionary<string, long> Flops { get; } = [];

        public void Enter(string stage) => Stages.Add(stage);

        public void Count(string part, long flops) => Flops[part] = Flops.GetValueOrDefault(part) + flops;
    }

    private sealed class Listener(Action<TaskProgress> told) : IProgress<TaskProgress>
    {
        public void Report(TaskProgress value) => told(value);
    }
}
