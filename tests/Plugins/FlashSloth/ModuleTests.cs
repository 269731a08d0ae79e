using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins.FlashSloth.Embq;
using Aperture.Plugins.FlashSloth.Family;
using Aperture.Plugins.FlashSloth.Sap;
using Aperture.Sequences;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.FlashSloth.Tests;

/// <summary>What pooling, queries and sequences promise whatever their weights are.</summary>
public sealed class ModuleTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Without_scores_pooling_is_a_mean_and_of_single_patches_nothing()
    {
        using SpatialPooling pooling = new(Matrix(6, 6, 1), new DenseMatrix(zeros(1, 6), zeros(1)));
        Tensor x = Noise(2, 2, 81, 6);

        (Tensor cells, _) = pooling.Pool(x, new VisualGrid(9, 9), 3);
        (Tensor each, Tensor weights) = pooling.Pool(x, new VisualGrid(9, 9), 1);

        Assert.True(cells.allclose(SpatialPooling.Average(x, new VisualGrid(9, 9), 3), atol: 1e-6));
        Assert.True(each.equal(x).all().item<bool>());
        Assert.Equal(1f, weights.min().item<float>());
    }

    [Fact]
    public void Weights_of_a_cell_add_up_to_one_also_where_it_is_cut()
    {
        using SpatialPooling pooling = new(Matrix(6, 6, 3), Matrix(1, 6, 4));
        VisualGrid grid = new(5, 7);
        (_, Tensor weights) = pooling.Pool(Noise(5, 1, 35, 6), grid, 3);
        Tensor map = weights.view(5, 7);

        Assert.Equal(1, map[3..5, 6..7].sum().item<float>(), 1e-5); // the last cell has two patches
        Assert.Equal(6, map.sum().item<float>(), 1e-5);
    }

    [Fact]
    public void Queries_do_not_read_padding_and_stay_as_they_are_without_a_way_up()
    {
        Dictionary<string, Tensor> table = EmbqWeights.Shapes(16, 8, 12).Select((own, i) => (own.Name, Noise((ulong)i + 9, own.Shape)))
            .ToDictionary(own => own.Name, own => own.Item2);
        using EmbeddedQuery block = new(EmbqWeights.Load(new TensorWeights(table), Policy), 4);
        Tensor queries = Noise(1, 1, 3, 16), text = Noise(2, 1, 5, 16);
        EmbqImage image = block.See(Noise(3, 20, 12));
        Tensor padded = cat([text, zeros(1, 4, 16)], 1), mask = cat([ones(1, 5), zeros(1, 4)], 1);

        EmbqResult alone = block.Run(queries, text, ones(1, 5), image), free = block.Run(queries, text, null, image), more = block.Run(
            queries, padded, mask, image);

        Assert.True(alone.Rows.allclose(more.Rows, atol: 1e-5));
        Assert.True(alone.Rows.allclose(free.Rows, atol: 1e-5));
        table["model.lqformer.up_projector.weight"].zero_();
        table["model.lqformer.up_projector.bias"].zero_();
        Assert.True(block.Run(queries, text, null, image).Rows.equal(queries).all().item<bool>());
    }

    [Fact]
    public void Questions_begin_behind_the_pictures_line_break_and_behind_the_users_role()
    {
        const int Query = 300, End = 301, Picture = -200;
        int[] ids = [1, 2, 3, Picture, 10, 11, 12, 13, Query, 20, 21, End, 30, 31, 40, 41, Query, 20];

        using PackedPrompt packed = Pack(new FlashSlothPacker(Query, End, 7), ids, pictures: 1);

        List<QueryGroup> groups = QueryGroup.Of(packed.Layout, QuestionRange.PerTurn, default);
        Assert.Equal([(13, 10, 13), (22, 20, 22)], groups.Select(group => (group.First, group.Question, group.End)));
        Assert.Equal([(13, 10, 13), (22, 10, 13)], QueryGroup.Of(packed.Layout, QuestionRange.FirstTurn, default).Select(
            group => (group.First, group.Question, group.End)));
        Assert.Equal(25, packed.Layout.Count);
        Assert.Equal([13, 14, 22, 23], packed.Layout.Rows(SpanKind.LearnedQuery));
        Assert.Equal([0, 1, 2], packed.Layout.Rows(SpanKind.System));
    }

    [Fact]
    public void Dropped_picture_rows_move_questions_and_queries()
    {
        const int Query = 300, Picture = -200;
        using PackedPrompt packed = Pack(new FlashSlothPacker(Query, 301, 7), [1, 2, Picture, 10, 11, 12, Query, 20], pictures: 1);

        QueryGroup group = Assert.Single(QueryGroup.Of(packed.Layout.Keep([0, 1, 4, 8, 9, 10, 11, 12]), QuestionRange.PerTurn, default));

        Assert.Equal(new QueryGroup(6, 2, 4, 6, 0), group);
    }

    [Fact]
    public void Without_a_picture_the_placeholder_is_a_word_unless_it_is_trained()
    {
        FlashSlothPacker packer = new(300, 301, 7);
        using PackedPrompt asked = Pack(packer, [1, 2, 300, 3], pictures: 0), trained = Pack(packer, [1, 2, 300, 3], pictures: 0, training: true);

        Assert.Empty(asked.Layout.Rows(SpanKind.LearnedQuery));
        Assert.Equal(4, asked.Layout.Count);
        Assert.Equal([2, 3], trained.Layout.Rows(SpanKind.LearnedQuery));
        Assert.True(packer.StandsForRows(300) && packer.StandsForRows(-200) && !packer.StandsForRows(3));
    }

    [Fact]
    public void Tiles_cover_the_picture_where_they_lie()
    {
        FlashSlothPictures pictures = new(384, hd: true, pad: false);
        IReadOnlyList<PictureArea> areas = pictures.Areas(400, 200, 1);

        Assert.Equal(5, pictures.Tiles);
        Assert.Equal(new PictureArea(0, 0, 400, 200), areas[0]);
        Assert.Equal(new PictureArea(0, -100, 200, 200), areas[1]);
        Assert.Equal(new PictureArea(200, 100, 200, 200), areas[4]);
    }

    private static WeightPolicy Policy => new(CPU, ScalarType.Float32, ScalarType.Float32);

    private static DenseMatrix Matrix(int outputs, int inputs, ulong seed) => new(Noise(seed, outputs, inputs), Noise(seed + 50, outputs));

    private static Tensor Noise(ulong seed, params long[] shape)
    {
        using Generator generator = new(seed, CPU);
        return randn(shape, generator: generator).mul(0.4);
    }

    // Rows of 4 columns; a picture is 6 rows, the queries are 2.
    private static PackedPrompt Pack(FlashSlothPacker packer, int[] ids, int pictures, bool training = false)
    {
        TensorWeights source = new(new Dictionary<string, Tensor>
        {
            ["model.mm_projector.weight"] = Noise(1, 4, 3),
            ["model.mm_projector.bias"] = Noise(2, 4),
            [LearnedQueries.Published] = Noise(3, 2, 4),
        });
        FlashSlothProjector projector = FlashSlothProjector.Load(source, 1, 3, 4, Policy);
        VisualTokens[] images = [.. Enumerable.Range(0, pictures).Select(_ => new VisualTokens(Noise(4, 6, 4), [VisualSegment.Of(new VisualGrid(2, 3))]))];
        return packer.Pack(new PackInput(ids, images, words => zeros(words.Length, 4), projector) { Training = training });
    }
}
