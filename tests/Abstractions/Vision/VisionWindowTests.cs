using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Vision;

/// <summary>Attention in windows.</summary>
[Collection("tensors")]
public sealed class VisionWindowTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void One_window_over_the_whole_grid_is_attention_everywhere(bool withPrefix)
    {
        using SmallTransformer windowed = new(SmallTransformer.Sam(4), SamVision.Keys), everywhere = new(SmallTransformer.Sam(0), SamVision.Keys);
        using Tensor pixels = SmallTransformer.Pixels(batch: 2), prefix = randn(2, 3, 8);
        VisionTrunkHooks? hooks = withPrefix ? new VisionTrunkHooks { PrefixRows = prefix } : null;

        using VisionRun first = windowed.Run(pixels, hooks), second = everywhere.Run(pixels, hooks);

        Assert.True(first[1].allclose(second[1], 1e-5, 1e-5));
    }

    [Fact]
    public void A_window_sees_itself_and_the_rows_in_front_only()
    {
        using SmallTransformer small = new(SmallTransformer.Sam(2), SamVision.Keys);
        using Tensor pixels = SmallTransformer.Pixels(), changed = pixels.clone(), prefix = randn(1, 1, 8), other = randn(1, 1, 8);
        using Tensor corner = changed.narrow(2, 0, 4).narrow(3, 0, 4);
        corner.fill_(9);

        using VisionRun plain = small.Run(pixels), touched = small.Run(changed);
        using VisionRun one = small.Run(pixels, new VisionTrunkHooks { PrefixRows = prefix });
        using VisionRun two = small.Run(pixels, new VisionTrunkHooks { PrefixRows = other });

        Assert.Equal([0, 1, 4, 5], Differing(plain[1], touched[1])); // the window of place 0
        Assert.Equal(Enumerable.Range(0, 16), Differing(one[1], two[1]));
    }

    [Theory]
    [InlineData(WindowPadding.Attended)]
    [InlineData(WindowPadding.Masked)]
    public void Padding_is_attended_or_not(WindowPadding padding)
    {
        using SmallTransformer padded = new(SmallTransformer.Sam(3) with { WindowPadding = padding }, SamVision.Keys);
        using Tensor pixels = SmallTransformer.Pixels(), changed = pixels.clone();
        using VisionRun run = padded.Run(pixels);

        // The window of place 15 holds it alone beside eight places of padding: dropping all else leaves it as it was.
        using VisionRun alone = padded.Run(pixels, new VisionTrunkHooks { BeforeBlock = (context, _) => Kept(context, [15]) });
        Assert.Equal([15], alone.States[1].Places!);
        using Tensor last = run[1].narrow(1, 15, 1);
        Assert.True(last.allclose(alone[1], 1e-5, 1e-5));

        // Against attention over itself alone, padding makes a difference exactly where it takes part.
        using SmallTransformer unpadded = new(SmallTransformer.Sam(3) with { WindowPadding = WindowPadding.Masked }, SamVision.Keys);
        using VisionRun masked = unpadded.Run(pixels);
        using Tensor lastMasked = masked[1].narrow(1, 15, 1);
        Assert.Equal(padding == WindowPadding.Masked, last.allclose(lastMasked, 1e-5, 1e-5));
    }

    [Fact]
    public void A_dropped_row_leaves_a_hole_that_nothing_attends_to()
    {
        using SmallTransformer small = new(SmallTransformer.Sam(2), SamVision.Keys);
        using Tensor pixels = SmallTransformer.Pixels(), changed = pixels.clone();
        using Tensor corner = changed.narrow(2, 0, 4).narrow(3, 0, 4);
        corner.fill_(9);
        VisionTrunkHooks drop = new() { BeforeBlock = (context, _) => Kept(context, [.. Enumerable.Range(1, 15)]) };

        using VisionRun whole = small.Run(pixels), first = small.Run(pixels, drop), second = small.Run(changed, drop);

        Assert.True(first[1].allclose(second[1]));
        using Tensor others = whole[1].narrow(1, 1, 15);
        Assert.Equal([0, 3, 4], Differing(others, first[1])); // places 1, 4 and 5 lost their neighbour 0
    }

    [Fact]
    public void Rows_without_a_place_fit_into_no_window()
    {
        using SmallTransformer small = new(SmallTransformer.Sam(2), SamVision.Keys);
        using Tensor pixels = SmallTransformer.Pixels();
        VisionTrunkHooks drop = new() { BeforeBlock = (_, rows) => rows.narrow(1, 0, 9) };

        ApertureException error = Assert.Throws<ApertureException>(() => small.Run(pixels, drop));

        Assert.StartsWith("Vision block 0 needs the place of every row in the grid", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_stays_alive_behind_windows()
    {
        using SmallTransformer small = new(SmallTransformer.Sam(3), SamVision.Keys);
        using Tensor pixels = SmallTransformer.Pixels(), prefix = randn(1, 2, 8);

        small.Run(pixels).Dispose();
        LiveTensors.MustNotGrow(() => small.Run(pixels, new VisionTrunkHooks { PrefixRows = prefix }).Dispose());
    }

    // Rows [1, N, C] that differ.
    private static int[] Differing(Tensor a, Tensor b)
    {
        using Tensor difference = a.sub(b), size = difference.abs(), largest = size.amax([0L, 2L]);
        float[] rows = largest.data<float>().ToArray();
        return [.. Enumerable.Range(0, rows.Length).Where(row => rows[row] > 1e-6)];
    }

    private static Tensor? Kept(IVisionContext context, int[] rows)
    {
        context.Keep(rows);
        return null;
    }
}
