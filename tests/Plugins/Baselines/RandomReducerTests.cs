using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Sequences;
using Aperture.Vision;
using CsCheck;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Baselines.Tests;

public sealed class RandomReducerTests
{
    [Theory]
    [InlineData("{}", 10)]
    [InlineData("""{"Reduction":0.5}""", 12)]
    [InlineData("""{"Reduction":0}""", 24)]
    [InlineData("""{"Keep":0.25}""", 6)]
    [InlineData("""{"Tokens":3}""", 3)]
    [InlineData("""{"Tokens":99}""", 24)]
    [InlineData("""{"Reduction":0.99}""", 1)]
    public void Budget_options_set_the_number_of_tokens(string options, int kept)
    {
        using RandomReducer reducer = Make(options);
        using VisualTokens reduced = reducer.Reduce(Tokens(4, 6, 3));

        Assert.Equal(kept, reduced.Places.Length);
        Assert.Equal(kept, reduced.Rows.size(0));
    }

    [Fact]
    public void Rows_go_with_their_places_in_order()
        => Gen.Select(Gen.Int[1, 8], Gen.Int[1, 8], Gen.Int[1, 64], Gen.Int).Sample((rows, columns, keep, seed) =>
        {
            using RandomReducer reducer = new(new RandomOptions { Tokens = keep, Seed = seed });
            using VisualTokens reduced = reducer.Reduce(Tokens(rows, columns, 2));
            float[] first = reduced.Rows.select(1, 0).DetachFromDisposeScope().data<float>().ToArray();
            return reduced.Places.Length == Math.Min(keep, rows * columns)
                && reduced.Places.Distinct().Order().SequenceEqual(reduced.Places)
                && first.Select(v => (int)v / 10).SequenceEqual(reduced.Places);
        }, iter: 50);

    [Fact]
    public void Same_seed_gives_the_same_subset_and_another_seed_another()
    {
        Assert.Equal(RandomReducer.Subset(100, 40, 3), RandomReducer.Subset(100, 40, 3));
        Assert.NotEqual(RandomReducer.Subset(100, 40, 3), RandomReducer.Subset(100, 40, 4));
    }

    [Fact]
    public void Every_place_is_kept_about_equally_often()
    {
        int[] hits = new int[20];
        for (int seed = 0; seed < 2000; seed++)
        {
            foreach (int place in RandomReducer.Subset(20, 8, seed))
            {
                hits[place]++;
            }
        }

        Assert.All(hits, h => Assert.InRange(h, 680, 920)); // 800 expected, six standard deviations are 130
    }

    [Fact]
    public void Sources_of_merged_tokens_stay_with_them()
    {
        using RandomReducer reducer = Make("""{"Tokens":2}""");
        VisualTokens tokens = Tokens(1, 4, 2);

        using VisualTokens reduced = reducer.Reduce(tokens with { Segments = [tokens.Segments[0] with { Sources = [[0, 10], [1, 11], [2, 12], [3, 13]] }] });

        Assert.Equal(reduced.Places.Select(p => p + 10), reduced.Segments[0].Sources!.Select(s => s[1]));
    }

    [Fact]
    public void Input_is_disposed_and_no_tensor_is_left_behind()
    {
        long before = LiveTensors.Settled();
        using RandomReducer reducer = Make("{}");

        reducer.Reduce(Tokens(4, 4, 2)).Dispose();

        Assert.Equal(before, Tensor.TotalCount);
    }

    [Theory]
    [InlineData("""{"Reduction":1}""", "random: Reduction is 1; give a fraction from 0 to below 1, such as 0.6.")]
    [InlineData("""{"Keep":0}""", "random: Keep is 0")]
    [InlineData("""{"Tokens":0}""", "random: Tokens is 0")]
    [InlineData("""{"Tokens":4,"Keep":0.5}""", "random: give only one of Reduction, Keep and Tokens.")]
    [InlineData("""{"Recipe":4}""", "random: unknown option 'Recipe'")]
    public void Wrong_options_are_refused_in_one_line(string options, string message)
    {
        ApertureException error = Assert.Throws<ApertureException>(() => Make(options));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    internal static VisualTokens Tokens(int rows, int columns, int width)
    {
        int count = rows * columns;
        return new VisualTokens(
            tensor([.. Enumerable.Range(0, count * width).Select(i => (float)((i / width * 10) + (i % width)))], [count, width]),
            new VisualGrid(rows, columns),
            [.. Enumerable.Range(0, count)]);
    }

    internal static DecoderInfo Decoder { get; } = new()
    {
        Model = "toy",
        Layers = 2,
        HiddenSize = 4,
        IntermediateSize = 8,
        Heads = 1,
        KeyValueHeads = 1,
        HeadSize = 4,
        VocabularySize = 5,
    };

    private static RandomReducer Make(string options)
        => (RandomReducer)new RandomFactory().Create(JsonDocument.Parse(options).RootElement, Decoder, new FactoryFiles());
}
