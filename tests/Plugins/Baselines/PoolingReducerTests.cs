using System.Text.Json;
using Aperture.Pipelines;
using Aperture.Sequences;
using Aperture.Vision;
using CsCheck;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Baselines.Tests;

public sealed class PoolingReducerTests
{
    [Theory]
    [InlineData(24, 24, 230, 15, 15)]
    [InlineData(24, 24, 576, 24, 24)]
    [InlineData(24, 24, 144, 12, 12)]
    [InlineData(24, 24, 1, 1, 1)]
    [InlineData(24, 24, 2, 2, 1)]
    [InlineData(12, 24, 72, 6, 12)]
    [InlineData(1, 100, 7, 1, 7)]
    public void Smaller_grid_keeps_the_shape_within_the_budget(int rows, int columns, int budget, int expectedRows, int expectedColumns)
        => Assert.Equal(new VisualGrid(expectedRows, expectedColumns), PoolingReducer.SmallerGrid(new VisualGrid(rows, columns), budget));

    [Fact]
    public void Budget_is_never_exceeded_and_never_empty()
        => Gen.Select(Gen.Int[1, 40], Gen.Int[1, 40], Gen.Int[1, 1600]).Sample((rows, columns, budget) =>
        {
            int wanted = Math.Min(budget, rows * columns);
            VisualGrid small = PoolingReducer.SmallerGrid(new VisualGrid(rows, columns), wanted);
            return small.Count <= wanted && small.Count >= 1 && small.Rows <= rows && small.Columns <= columns;
        }, iter: 500);

    [Fact]
    public void Tokens_are_the_means_of_their_cells()
    {
        using PoolingReducer reducer = Make("""{"Tokens":4}""");

        using VisualTokens pooled = reducer.Reduce(RandomReducerTests.Tokens(4, 4, 1)); // places 0..15, values 0, 10, .. 150

        Assert.Equal([25f, 45f, 105f, 125f], pooled.Rows.data<float>().ToArray());
        Assert.Equal([[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]], pooled.Segments[0].Sources!);
        Assert.All(pooled.Places.Zip(pooled.Segments[0].Sources!), p => Assert.Contains(p.First, p.Second));
        Assert.Equal(new VisualGrid(4, 4), pooled.Segments[0].Grid);
    }

    [Fact]
    public void Every_place_belongs_to_exactly_one_token_and_the_total_is_kept()
        => Gen.Select(Gen.Int[1, 12], Gen.Int[1, 12], Gen.Double[0.05, 0.99]).Sample((rows, columns, keep) =>
        {
            using PoolingReducer reducer = new(new PoolingOptions { Keep = keep });
            using VisualTokens pooled = reducer.Reduce(RandomReducerTests.Tokens(rows, columns, 1));
            int[] places = [.. pooled.Segments[0].Sources is { } sources ? sources.SelectMany(s => s).Order() : pooled.Places.Order()];
            double total = pooled.Rows.data<float>().ToArray().Select((mean, i) => (double)mean * (pooled.Segments[0].Sources?[i].Length ?? 1)).Sum();
            return places.SequenceEqual(Enumerable.Range(0, rows * columns))
                && Math.Abs(total - Enumerable.Range(0, rows * columns).Sum(i => 10.0 * i)) < 1e-2 * Math.Max(total, 1);
        }, iter: 80);

    [Fact]
    public void Representative_is_the_place_nearest_to_the_middle()
    {
        using PoolingReducer reducer = Make("""{"Tokens":1}""");

        using VisualTokens pooled = reducer.Reduce(RandomReducerTests.Tokens(3, 5, 2));

        Assert.Equal([7], pooled.Places);
    }

    [Fact]
    public void A_thinned_image_pools_what_is_left_of_it()
    {
        VisualTokens tokens = new(tensor([1f, 2f, 3f, 5f], [4, 1]), new VisualGrid(4, 4), [0, 5, 10, 14]);
        using PoolingReducer reducer = Make("""{"Tokens":3}""");

        using VisualTokens pooled = reducer.Reduce(tokens);

        Assert.Equal([0, 5, 10, 14], pooled.Segments[0].Sources!.SelectMany(s => s).Order());
        Assert.InRange(pooled.Places.Length, 1, 3);
    }

    [Fact]
    public void A_class_token_goes_on_as_it_is()
    {
        VisualTokens tokens = new(tensor([100f, 1f, 2f, 3f, 4f], [5, 1]), new VisualGrid(2, 2), [-1, 0, 1, 2, 3]);
        using PoolingReducer reducer = Make("""{"Tokens":2}""");

        using VisualTokens pooled = reducer.Reduce(tokens);

        Assert.Equal([100f, 2.5f], pooled.Rows.data<float>().ToArray());
        Assert.Equal([[], [0, 1, 2, 3]], pooled.Segments[0].Sources!);
        Assert.Equal(-1, pooled.Places[0]);
    }

    [Fact]
    public void Rows_of_a_grid_that_end_with_separators_still_do()
    {
        // Two rows of four places, each ended by a separator of -1.
        VisualSegment segment = new(10)
        {
            Grid = new VisualGrid(2, 4),
            Places = [0, 1, 2, 3, -1, 4, 5, 6, 7, -1],
            Separators = [4, 9],
        };
        VisualTokens tokens = new(tensor([1f, 3f, 5f, 7f, -1f, 11f, 13f, 15f, 17f, -1f], [10, 1]), [segment]);
        using PoolingReducer reducer = Make("""{"Tokens":6}""");

        using VisualTokens pooled = reducer.Reduce(tokens);

        Assert.Equal([2f, 6f, -1f, 12f, 16f, -1f], pooled.Rows.data<float>().ToArray());
        Assert.Equal([2, 5], pooled.Segments[0].Separators);
        Assert.Equal([[0, 1], [2, 3], [], [4, 5], [6, 7], []], pooled.Segments[0].Sources!);
    }

    [Fact]
    public void Element_type_is_kept()
    {
        using PoolingReducer reducer = Make("""{"Tokens":1}""");
        using VisualTokens tokens = RandomReducerTests.Tokens(2, 2, 2);

        using VisualTokens pooled = reducer.Reduce(tokens with { Rows = tokens.Rows.to(ScalarType.BFloat16) });

        Assert.Equal(ScalarType.BFloat16, pooled.Rows.dtype);
    }

    [Fact]
    public void Input_is_disposed_and_no_tensor_is_left_behind()
    {
        long before = LiveTensors.Settled();
        using PoolingReducer reducer = Make("{}");

        reducer.Reduce(RandomReducerTests.Tokens(6, 6, 2)).Dispose();

        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void Wrong_options_are_refused_in_one_line()
    {
        ApertureException error = Assert.Throws<ApertureException>(() => Make("""{"Seed":1}"""));

        Assert.Contains("pooling: unknown option 'Seed'; it has Reduction, Keep, Tokens.", error.Message, StringComparison.Ordinal);
    }

    private static PoolingReducer Make(string options)
        => (PoolingReducer)new PoolingFactory().Create(JsonDocument.Parse(options).RootElement, RandomReducerTests.Decoder, new FactoryFiles());
}
