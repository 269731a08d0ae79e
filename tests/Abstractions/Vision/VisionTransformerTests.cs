using Aperture.Images;
using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Vision;

/// <summary>Callbacks that change rows, where a run stops, what it costs, gradients; the numbers themselves are held against recorded ones elsewhere.</summary>
[Collection("tensors")]
public sealed class VisionTransformerTests
{
    [Fact]
    public void Without_callbacks_the_rows_are_the_class_token_and_the_grid_in_order()
    {
        using SmallTransformer small = new(SmallTransformer.Clip, ClipVision.Keys);
        using Tensor pixels = SmallTransformer.Pixels(batch: 2);

        using VisionRun run = small.Run(pixels);

        Assert.Equal(3, run.Blocks);
        VisionState state = Assert.Single(run.States).Value;
        Assert.Equal([2L, 17L, 8L], state.Rows.shape);
        Assert.True(state.ClassToken);
        Assert.Null(state.Places);
        Assert.Equal(small.Trunk.Macs(new VisualGrid(4, 4)), run.Macs);
    }

    [Fact]
    public void A_class_token_can_be_dropped_at_the_embedding()
    {
        using SmallTransformer small = new(SmallTransformer.Clip, ClipVision.Keys);
        using VisionTransformerEncoder encoder = new(small.Trunk, new ClipImageProcessor(new ClipImageProcessorConfig()), [2], keepClassToken: false);
        using Tensor pixels = SmallTransformer.Pixels();
        VisionTrunkHooks drop = new() { AfterEmbedding = (context, rows) => Kept(context, Enumerable.Range(1, 16)) };

        using VisionFeatures features = encoder.EncodePixels(pixels, new VisionRequest { Hooks = drop }, CancellationToken.None)[0];

        Assert.Equal([16L, 8L], features.Tokens.shape);
        Assert.Equal(Enumerable.Range(0, 16), features.Segments[0].Places!);
    }

    [Fact]
    public void A_callback_that_does_not_say_what_it_dropped_leaves_all_rows_without_a_place()
    {
        using SmallTransformer small = new(SmallTransformer.Clip, ClipVision.Keys);
        using VisionTransformerEncoder encoder = new(small.Trunk, new ClipImageProcessor(new ClipImageProcessorConfig()), [2], keepClassToken: false);
        using Tensor pixels = SmallTransformer.Pixels();
        VisionTrunkHooks drop = new() { AfterEmbedding = (_, rows) => rows.narrow(1, 1, rows.size(1) - 1) };

        using VisionFeatures features = encoder.EncodePixels(pixels, new VisionRequest { Hooks = drop }, CancellationToken.None)[0];

        Assert.Equal([16L, 8L], features.Tokens.shape);
        Assert.All(features.Segments[0].Places!, place => Assert.Equal(-1, place));
    }

    [Fact]
    public void Rows_dropped_at_any_hook_are_gone_and_the_others_keep_their_places()
    {
        using SmallTransformer small = new(SmallTransformer.Clip, ClipVision.Keys);
        using Tensor pixels = SmallTransformer.Pixels(batch: 2);
        VisionTrunkHooks hooks = new()
        {
            BeforeBlock = (context, rows) => context.Block == 0 ? Kept(context, Enumerable.Range(0, 17).Where(row => row != 5)) : null, // place 4
            BeforeAttention = (context, rows) => context.Block == 1 ? Kept(context, Enumerable.Range(0, 16).Where(row => row != 1)) : null, // place 0
            AfterBlock = (context, rows) => context.Block == 2 ? Kept(context, [0, 14]) : null,
        };

        using VisionRun run = small.Run(pixels, hooks);

        VisionState state = run.States[3];
        Assert.Equal([2L, 2L, 8L], state.Rows.shape);
        Assert.True(state.ClassToken);
        Assert.Equal([15], state.Places!);
        long d = 8, m = 12;
        long expected = (16 * 3 * 16 * d) + new long[] { 16, 15, 15 }.Sum(n => (4 * n * d * d) + (2 * n * n * d) + (2 * n * d * m));
        Assert.Equal(expected, run.Macs);
    }

    [Fact]
    public void Dropping_rows_that_nobody_attends_to_changes_nothing_for_the_others()
    {
        // A row dropped before a block is as if its patch had never been there.
        using SmallTransformer small = new(SmallTransformer.Clip, ClipVision.Keys);
        using Tensor pixels = SmallTransformer.Pixels(), changed = pixels.clone();
        using Tensor corner = changed.narrow(2, 0, 4).narrow(3, 0, 4);
        corner.fill_(9);
        VisionTrunkHooks drop = new() { AfterEmbedding = (context, rows) => Kept(context, Enumerable.Range(0, 17).Where(row => row != 1)) };

        using VisionRun first = small.Run(pixels, drop), second = small.Run(changed, drop), whole = small.Run(pixels);

        Assert.True(first[3].allclose(second[3]));
        using Tensor others = whole[3].narrow(1, 2, 15), kept = first[3].narrow(1, 1, 15);
        Assert.False(others.allclose(kept));
    }

    [Fact]
    public void Added_rows_have_no_place_and_prefix_rows_are_cut_off_again()
    {
        using SmallTransformer small = new(SmallTransformer.Clip, ClipVision.Keys);
        using Tensor pixels = SmallTransformer.Pixels(), prefix = randn(1, 2, 8);
        List<int> fronts = [];
        VisionTrunkHooks hooks = new()
        {
            PrefixRows = prefix,
            AfterBlock = (context, rows) =>
            {
                fronts.Add(context.Front);
                if (context.Block > 0)
                {
                    return null;
                }

                context.Keep([.. Enumerable.Range(0, 19), -1]);
                using Tensor added = zeros(1, 1, 8);
                return cat([rows, added], 1); // [1, 19, 8] -> [1, 20, 8]
            },
        };

        using VisionRun run = small.Run(pixels, hooks);

        Assert.Equal([3, 3, 3], fronts);
        Assert.Equal([1L, 18L, 8L], run[3].shape);
        Assert.Equal([.. Enumerable.Range(0, 16), -1], run.States[3].Places!);
        Assert.False(prefix.IsInvalid);
    }

    [Fact]
    public void A_callback_learns_where_it_stands()
    {
        using SmallTransformer small = new(SmallTransformer.Clip, ClipVision.Keys);
        using Tensor pixels = SmallTransformer.Pixels(batch: 2);
        List<string> seen = [];
        VisionTrunkHooks hooks = new()
        {
            AfterEmbedding = (context, rows) => See(context),
            BeforeBlock = (context, rows) => See(context),
        };
        PictureTile[] pictures = [new(0, 1), new(3, 0)];

        using VisionRun run = small.Trunk.Run(pixels, new VisionRequest { Hooks = hooks, Pictures = pictures, StopAfterBlocks = 1 }, CancellationToken.None);

        string where = "4x4 1 17 PictureTile { Image = 3, Tile = 0, Sample = 0 }";
        Assert.Equal([$"-1 {where}", $"0 {where}"], seen);

        Tensor? See(IVisionContext context)
        {
            Assert.Null(context.Request);
            seen.Add($"{context.Block} {context.Grid.Rows}x{context.Grid.Columns} {context.Front} {context.Places.Count} {context.Pictures[1]}");
            return null;
        }
    }

    [Theory]
    [InlineData(new[] { 17 }, "Row 17 cannot go on in the vision encoder: there are 17 rows, 0 to 16; -1 stands for a new row.")]
    [InlineData(new[] { 0, 3, 3 }, "Row 3 is kept twice in the vision encoder; name each row once, and new rows as -1.")]
    [InlineData(new[] { 3, 0 }, "Row 0 of the vision encoder stands in front of the grid; the rows in front that go on (1 now) come first, in their order.")]
    public void A_choice_that_makes_no_sense_is_refused(int[] rows, string message)
    {
        using SmallTransformer small = new(SmallTransformer.Clip, ClipVision.Keys);
        using Tensor pixels = SmallTransformer.Pixels();
        VisionTrunkHooks hooks = new() { BeforeBlock = (context, _) => Kept(context, rows) };

        ApertureException error = Assert.Throws<ApertureException>(() => small.Run(pixels, hooks));

        Assert.Equal(message, error.Message);
    }

    [Fact]
    public void A_replacement_that_does_not_fit_is_refused()
    {
        using SmallTransformer small = new(SmallTransformer.Clip, ClipVision.Keys);
        using Tensor pixels = SmallTransformer.Pixels();

        VisionTrunkHooks narrow = new() { BeforeBlock = (_, rows) => zeros(1, 17, 7) };
        VisionTrunkHooks mute = new() { BeforeAttention = (_, rows) => rows.narrow(1, 0, 9) };

        ApertureException shape = Assert.Throws<ApertureException>(() => small.Run(pixels, narrow));
        ApertureException silent = Assert.Throws<ApertureException>(() => small.Run(pixels, mute));

        Assert.Equal("A callback of the vision encoder gave rows of shape [1, 17, 7]; [1, any, 8] fits.", shape.Message);
        Assert.Equal(
            "A callback before the attention of vision block 0 gave 9 rows for 17 without saying which go on; call Keep on its context.", silent.Message);
    }

    [Fact]
    public void A_run_stops_where_the_request_says()
    {
        using SmallTransformer small = new(SmallTransformer.Clip, ClipVision.Keys);
        using VisionTransformerEncoder encoder = new(small.Trunk, new ClipImageProcessor(new ClipImageProcessorConfig()), [3], keepClassToken: false);
        using Tensor pixels = SmallTransformer.Pixels();
        using VisionRun whole = small.Trunk.Run(pixels, new VisionRequest { HiddenStates = new HashSet<int> { 0, 1, 2, 3 } }, CancellationToken.None);

        using VisionFeatures stopped = encoder.EncodePixels(pixels, new VisionRequest { StopAfterBlocks = 2 }, CancellationToken.None)[0];
        VisionRequest behind = new() { StopAfterBlocks = 2, HiddenStates = new HashSet<int> { 3 } };
        ApertureException error = Assert.Throws<ApertureException>(() => encoder.EncodePixels(pixels, behind, CancellationToken.None));

        using Tensor expected = whole[2].select(0, 0), patches = expected.narrow(0, 1, 16);
        Assert.True(patches.equal(stopped.Tokens).all().item<bool>());
        Assert.InRange(stopped.Macs, 1, whole.Macs - 1);
        Assert.Equal("Hidden state 3 of the vision encoder was asked for, but it runs 2 blocks; ask for 0 to 2, or stop later.", error.Message);
    }

    [Fact]
    public void Gradients_flow_where_they_are_asked_for_and_the_values_are_the_same()
    {
        using SmallTransformer small = new(SmallTransformer.Clip, ClipVision.Keys);
        using VisionTransformerEncoder encoder = new(small.Trunk, new ClipImageProcessor(new ClipImageProcessorConfig()), [2], keepClassToken: false);
        using Tensor plain = SmallTransformer.Pixels(), pixels = plain.clone().requires_grad_(true);

        using VisionFeatures expected = encoder.EncodePixels(plain, VisionRequest.Plain, CancellationToken.None)[0];
        using VisionFeatures actual = encoder.EncodePixels(pixels, new VisionRequest { Differentiable = true }, CancellationToken.None)[0];
        using Tensor loss = actual.Tokens.square().sum();
        loss.backward();

        Assert.True(actual.Tokens.allclose(expected.Tokens, 1e-4, 1e-5)); // by other kernels, so not to the last digit
        using Tensor gradient = pixels.grad!;
        Assert.True(gradient.abs().max().item<float>() > 0);
    }

    [Fact]
    public void Nothing_stays_alive_behind_a_run()
    {
        using SmallTransformer small = new(SmallTransformer.Clip, ClipVision.Keys);
        using VisionTransformerEncoder encoder = new(small.Trunk, new ClipImageProcessor(new ClipImageProcessorConfig()), [1, 2], keepClassToken: true);
        using Tensor pixels = SmallTransformer.Pixels(batch: 2), prefix = randn(2, 1, 8);
        VisionRequest plain = new() { HiddenStates = new HashSet<int> { 0, 2 } };
        VisionTrunkHooks hooks = new()
        {
            PrefixRows = prefix,
            AfterEmbedding = (_, rows) => rows.mul(2),
            BeforeBlock = (context, rows) => context.Block == 0 ? Kept(context, [.. Enumerable.Range(0, 9)]) : rows,
            BeforeAttention = (_, rows) => rows.neg(),
        };
        VisionTrunkHooks failing = new() { BeforeAttention = (context, rows) => context.Block == 1 ? throw new InvalidOperationException("stop") : rows.neg() };
        void Encode(VisionRequest request)
        {
            foreach (VisionFeatures features in encoder.EncodePixels(pixels, request, CancellationToken.None))
            {
                features.Dispose();
            }
        }

        Encode(plain);
        LiveTensors.MustNotGrow(() => Encode(plain));
        LiveTensors.MustNotGrow(() => Encode(plain with { Hooks = hooks }));
        LiveTensors.MustNotGrow(() => Assert.Throws<InvalidOperationException>(() => Encode(plain with { Hooks = failing })));
    }

    private static Tensor? Kept(IVisionContext context, IEnumerable<int> rows)
    {
        context.Keep([.. rows]);
        return null;
    }
}
