using Aperture.Diffusion;
using Aperture.Tasks;
using Aperture.Vision;

namespace Aperture.Plugins.InstDiffEdit.Tests;

public sealed class EditorTests(TinyEditor tiny) : IClassFixture<TinyEditor>
{
    private const int Run = 4, Painted = 4, Samples = 3; // steps of TinyEditor.Request, of its inpainting, and the default samples

    [Fact]
    public void An_edit_has_the_models_size_costs_what_the_method_says_and_leaves_no_tensor()
    {
        using DiffusionEditor editor = tiny.Open();
        CountingClock clock = new();
        EditedPicture? edited = null;

        LiveTensors.MustNotGrow(() => edited = editor.Edit(TinyEditor.Photo, TinyEditor.Request(), new TaskRun { Clock = clock }));

        Assert.Equal((64, 64, 64, 64), (edited!.Picture!.Width, edited.Picture.Height, edited.Mask!.Width, edited.Mask.Height));
        Assert.Equal((2 * Run * Samples) + (2 * Painted), editor.UNetPasses);
        long pass = UNetCost.Of(editor.Model.UNet.Config, 8, 8, 77).Flops;
        Assert.Equal(2 * Run * Samples * pass, clock.Flops["mask UNet"]);
        Assert.True(clock.Flops["inpainting UNet"] > 2 * Painted * pass); // five channels more
        Assert.Equal(["encode", "text", "mask", "inpainting"], clock.Stages.Distinct());
    }

    [Fact]
    public void An_inpainting_UNet_alone_shares_the_other_parts()
    {
        using DiffusionEditor whole = tiny.Open();
        Picture expected = whole.Edit(TinyEditor.Photo, TinyEditor.Request(), TaskRun.Plain).Picture!;
        byte[]? edited = null;

        LiveTensors.MustNotGrow(() =>
        {
            using DiffusionEditor editor = tiny.Open(new { Inpaint = Path.Combine(tiny.Inpainting, "unet") });
            edited = editor.Edit(TinyEditor.Photo, TinyEditor.Request(), TaskRun.Plain).Picture!.Rgb.ToArray();
        });

        Assert.Equal(expected.Rgb.ToArray(), edited);
    }

    [Fact]
    public void Passes_of_an_edit_are_told_to_who_asks()
    {
        using DiffusionEditor editor = tiny.Open();
        Passes passes = new();

        editor.Edit(TinyEditor.Photo, TinyEditor.Request(), new TaskRun { Trace = passes });
        editor.Edit(TinyEditor.Photo, TinyEditor.Request(), new TaskRun { Trace = passes });

        float expected = (2 * Run * Samples) + (2 * Painted);
        Assert.Equal([expected, expected], passes.Seen);
    }

    [Fact]
    public void A_seed_says_what_comes_out()
    {
        using DiffusionEditor editor = tiny.Open();
        byte[] Edit(long seed) => editor.Edit(TinyEditor.Photo, TinyEditor.Request() with { Seed = seed }, TaskRun.Plain).Picture!.Rgb.ToArray();

        byte[] first = Edit(7);

        Assert.Equal(first, Edit(7));
        Assert.Equal(first, Edit(7 + (1L << 32))); // torch looks at the low 32 bits alone
        Assert.NotEqual(first, Edit(8));
    }

    [Fact]
    public void Every_step_shows_its_mask_and_a_preview_where_asked()
    {
        using DiffusionEditor editor = tiny.Open();
        List<TaskProgress> seen = [];
        Listener listener = new(seen.Add);

        editor.Edit(TinyEditor.Photo, TinyEditor.Request(), new TaskRun { Progress = listener });
        Assert.Equal(Run + Painted, seen.Count);
        Assert.All(seen, step => Assert.Equal((64, 64), (step.Mask!.Width, step.Mask.Height)));
        Assert.All(seen, step => Assert.Null(step.Picture));
        (string, int, int)[] expected = [("mask", 1, Run), ("mask", Run, Run), ("inpainting", Painted, Painted)];
        Assert.Equal(expected, new[] { At(0), At(Run - 1), At(^1) });

        seen.Clear();
        editor.Edit(TinyEditor.Photo, TinyEditor.Request(), new TaskRun { Progress = listener, WantsPreviews = true });
        Assert.All(seen, step => Assert.Equal((64, 64), (step.Picture!.Width, step.Picture.Height)));

        (string Stage, int Done, int Total) At(Index index) => (seen[index].Stage, seen[index].Done, seen[index].Total);
    }

    [Theory]
    [InlineData("mask", 2)]
    [InlineData("inpainting", 1)]
    public void Cancelling_ends_it_between_steps_and_leaves_no_tensor(string stage, int step)
    {
        using DiffusionEditor editor = tiny.Open();
        int later = 0;
        LiveTensors.MustNotGrow(() =>
        {
            using CancellationTokenSource stop = new();
            Listener listener = new(progress =>
            {
                later += stop.IsCancellationRequested ? 1 : 0;
                if (progress.Stage == stage && progress.Done == step)
                {
                    stop.Cancel();
                }
            });
            Assert.Throws<OperationCanceledException>(
                () => editor.Edit(TinyEditor.Photo, TinyEditor.Request(), new TaskRun { Progress = listener, Cancellation = stop.Token }));
        });
        Assert.Equal(0, later);
    }

    [Fact]
    public void Without_guidance_half_as_many_passes_run()
    {
        using DiffusionEditor editor = tiny.Open(paints: false);
        editor.Edit(TinyEditor.Photo, TinyEditor.Request() with { Guidance = 1 }, TaskRun.Plain);
        Assert.Equal(Run * Samples, editor.UNetPasses);
    }

    [Fact]
    public void A_mask_that_is_given_spares_the_mask_stage()
    {
        using DiffusionEditor editor = tiny.Open();
        MaskImage hand = new(Enumerable.Range(0, 80 * 96).Select(i => (byte)(i % 80 < 40 ? 255 : 0)).ToArray(), 80, 96);

        EditedPicture edited = editor.Edit(TinyEditor.Photo, TinyEditor.Request() with { Mask = hand }, TaskRun.Plain);

        Assert.Equal(2 * Painted, editor.UNetPasses);
        Assert.True(edited.Mask!.IsInside(0, 0) && edited.Mask.IsInside(30, 63) && !edited.Mask.IsInside(34, 0));
    }

    [Fact]
    public void A_mask_alone_is_found_without_painting()
    {
        using DiffusionEditor editor = tiny.Open();
        EditedPicture edited = editor.Edit(TinyEditor.Photo, TinyEditor.Request() with { MaskOnly = true }, TaskRun.Plain);
        Assert.Null(edited.Picture);
        Assert.Equal(2 * Run * Samples, editor.UNetPasses);
        Assert.Equal(64, edited.Mask!.Width);
    }

    [Fact]
    public void Pasting_back_leaves_pixels_outside_the_mask_as_they_were()
    {
        using DiffusionEditor editor = tiny.Open(new { PasteBack = true });
        EditedPicture edited = editor.Edit(TinyEditor.Photo, TinyEditor.Request(), TaskRun.Plain);
        Picture before = Images.Image.FromPicture(TinyEditor.Photo).Resize(64, 64).ToPicture();
        int same = 0, inside = 0;
        for (int place = 0; place < 64 * 64; place++)
        {
            bool equal = before.Rgb.Span.Slice(3 * place, 3).SequenceEqual(edited.Picture!.Rgb.Span.Slice(3 * place, 3));
            bool painted = edited.Mask!.IsInside(place % 64, place / 64);
            Assert.True(equal || painted);
            (same, inside) = (same + (equal && painted ? 1 : 0), inside + (painted ? 1 : 0));
        }

        Assert.InRange(inside, 1, (64 * 64) - 1);
        Assert.True(same < inside);
    }

    [Fact]
    public void DiffEdit_and_SDEdit_run_as_often_as_published()
    {
        using DiffusionEditor differences = tiny.Open(new { Method = "diffedit", Samples = 2 });
        EditedPicture edited = differences.Edit(TinyEditor.Photo, TinyEditor.Request() with { Source = "a cat" }, TaskRun.Plain);
        Assert.Equal((2 * 2 * 2 * Run) + (2 * Painted), differences.UNetPasses);
        Assert.NotNull(edited.Mask);

        using DiffusionEditor plain = tiny.Open(new { Method = "sdedit" }, paints: false);
        EditedPicture whole = plain.Edit(TinyEditor.Photo, TinyEditor.Request(), TaskRun.Plain);
        Assert.Equal(2 * Run, plain.UNetPasses);
        Assert.Null(whole.Mask);
        Assert.Equal(64, whole.Picture!.Height);
    }

    [Fact]
    public void The_aspect_is_kept_on_request()
    {
        using DiffusionEditor editor = tiny.Open(new { KeepAspect = true });
        Picture wide = new(new byte[200 * 100 * 3], 200, 100);
        EditedPicture edited = editor.Edit(wide, TinyEditor.Request(), TaskRun.Plain);
        Assert.Equal((128, 64, 128), (edited.Picture!.Width, edited.Picture.Height, edited.Mask!.Width));
    }

    private sealed class Listener(Action<TaskProgress> tell) : IProgress<TaskProgress>
    {
        public void Report(TaskProgress value) => tell(value);
    }

    private sealed class Passes : ITaskTrace
    {
        public List<float> Seen { get; } = [];

        public bool Wants(string name) => name == "unet_passes";

        public void Value(string name, TorchSharp.torch.Tensor value) => Seen.Add(value.item<float>());
    }

    private sealed class CountingClock : ITaskClock
    {
        public List<string> Stages { get; } = [];

        public Dictionary<string, long> Flops { get; } = [];

        public void Enter(string stage) => Stages.Add(stage);

        public void Count(string part, long flops) => Flops[part] = Flops.GetValueOrDefault(part) + flops;
    }
}
