using Aperture.Plugins.DtNet.Model;
using Aperture.Plugins.DtNet.Paths;
using Aperture.Plugins.DtNet.Search;
using Aperture.Tasks;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Tests;

/// <summary>What must hold of the model whatever its weights are.</summary>
public sealed class CaptionModelTests
{
    private const double Near = 2e-5;

    [Fact]
    public void A_batch_gives_what_its_pictures_give_alone_in_any_order()
    {
        using DisposeScope scope = NewDisposeScope();
        using TensorWeights weights = TinyCaptioner.Weights();
        using CaptionModel model = TinyCaptioner.Load(weights);
        using IDisposable quiet = no_grad();
        Tensor features = TinyCaptioner.Features(5);
        SearchResult together = Search(model, features, 3), turned = Search(model, features.flip(0), 3);

        for (int picture = 0; picture < 5; picture++)
        {
            SearchResult alone = Search(model, features.narrow(0, picture, 1), 3);
            Equal(alone.Ids, together.Ids.narrow(0, picture, 1), 0);
            Equal(alone.LogProbabilities, together.LogProbabilities.narrow(0, picture, 1), Near);
            Equal(alone.Ids, turned.Ids.narrow(0, 4 - picture, 1), 0);
        }

        Assert.True(together.Ids.select(1, 0).unique(true, false, false, 0).output.size(0) > 1, "all pictures get one caption");
    }

    [Fact]
    public void One_beam_is_greedy_up_to_the_end()
    {
        using DisposeScope scope = NewDisposeScope();
        using TensorWeights weights = TinyCaptioner.Weights();
        using CaptionModel model = TinyCaptioner.Load(weights);
        using IDisposable quiet = no_grad();
        Tensor features = TinyCaptioner.Features(6);
        using CaptionEnsemble ensemble = new([model], features, RoutePlan.Soft, training: null, TaskRun.Plain);

        SearchResult beam = Search(model, features, 1), greedy = GreedySearch.Run(ensemble, 12);

        Equal(greedy.LogProbabilities, beam.LogProbabilities, Near);
        Equal(greedy.Scores, beam.Scores, Near);
        Tensor behind = beam.Ids.eq(model.Config.Special.End).to(ScalarType.Float32).cumsum(-1).sub(beam.Ids.eq(3).to(ScalarType.Float32)).gt(0);
        Equal(greedy.Ids.masked_fill(behind, 0), beam.Ids, 0);
    }

    [Fact]
    public void Word_by_word_is_what_whole_captions_give()
    {
        using DisposeScope scope = NewDisposeScope();
        using TensorWeights weights = TinyCaptioner.Weights();
        using CaptionModel model = TinyCaptioner.Load(weights);
        using IDisposable quiet = no_grad();
        EncodedGrid encoded = model.Encoder.Run(TinyCaptioner.Features(2), RoutePlan.Soft, training: null, TaskRun.Plain);
        Tensor ids = tensor(new long[] { 2, 4, 5, 7, 9, 2, 10, 8, 6, 3 }, [2, 5]);
        Tensor whole = model.Decoder.Run(ids, encoded, training: null, TaskRun.Plain);
        using DecoderState state = model.Decoder.Begin(encoded);

        for (int step = 0; step < 5; step++)
        {
            Equal(whole.select(1, step), model.Decoder.Step(ids.select(1, step), state, training: null, TaskRun.Plain), Near);
        }
    }

    [Fact]
    public void Captions_of_one_picture_follow_each_other()
    {
        using DisposeScope scope = NewDisposeScope();
        using TensorWeights weights = TinyCaptioner.Weights();
        using CaptionModel model = TinyCaptioner.Load(weights);
        using IDisposable quiet = no_grad();
        Tensor features = TinyCaptioner.Features(2), ids = tensor(new long[] { 2, 4, 5, 2, 7, 9, 2, 10, 8, 2, 6, 6 }, [4, 3]);
        EncodedGrid two = model.Encoder.Run(features, RoutePlan.Soft, training: null, TaskRun.Plain);
        EncodedGrid four = model.Encoder.Run(features.repeat_interleave(2, 0), RoutePlan.Soft, training: null, TaskRun.Plain);

        Equal(model.Decoder.Run(ids, four, training: null, TaskRun.Plain), model.Decoder.Run(ids, two, training: null, TaskRun.Plain), Near);
    }

    [Theory]
    [InlineData(RouteMode.Argmax, 1)]
    [InlineData(RouteMode.Top, 2)]
    [InlineData(RouteMode.Threshold, 3)]
    [InlineData(RouteMode.Random, 1)]
    [InlineData(RouteMode.Static, 3)]
    public void Routes_sum_to_one_and_cells_without_weight_do_not_run(object mode, int most) => Check((RouteMode)mode, most);

    [Fact]
    public void Sparse_cells_give_what_all_cells_give_with_the_same_weights()
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new(9, CPU);
        Tensor x = randn([4, 6, 5], generator: generator), weights = tensor(new[] { 0f, 1, 0, 0.5f, 0, 0.5f, 1, 0, 0, 0, 0.25f, 0.75f }, [4, 3]);
        Func<Tensor, Tensor?, Tensor>[] cells = [(rows, _) => rows.mul(2), (rows, _) => rows.sin(), (rows, _) => rows.add(1)];

        Tensor all = RoutedCells.Run(x, weights, RoutePlan.Soft, cells, out int[] every);
        Tensor sparse = RoutedCells.Run(x, weights, new RoutePlan(RouteMode.Threshold), cells, out int[] some);

        Equal(all, sparse, 1e-6);
        Assert.Equal([4, 4, 4], every);
        Assert.Equal([2, 2, 2], some);
    }

    [Fact]
    public void A_row_of_zeros_is_looked_at_and_other_shapes_are_refused()
    {
        using DisposeScope scope = NewDisposeScope();
        using TensorWeights weights = TinyCaptioner.Weights(layers: 1);
        using CaptionModel model = TinyCaptioner.Load(weights);
        using IDisposable quiet = no_grad();
        Tensor features = TinyCaptioner.Features(1);
        features[0, 30].zero_();

        Assert.False(model.Encoder.Run(features, RoutePlan.Soft, training: null, TaskRun.Plain).Mask.any().item<bool>());

        string Message(params long[] shape)
            => Assert.Throws<ApertureException>(() => model.Encoder.Run(zeros(shape), RoutePlan.Soft, training: null, TaskRun.Plain)).Message;
        Assert.Contains("features of shape [1, 48, 12]; this checkpoint takes [pictures, 49, 12]", Message(1, 48, 12));
        Assert.Contains("a grid of 7x7 vectors of 12 channels", Message(1, 49, 13));
    }

    [Fact]
    public void Searching_leaves_no_tensor_behind()
    {
        using TensorWeights weights = TinyCaptioner.Weights(layers: 1);
        long before = 0;
        for (int round = 0; round < 3; round++)
        {
            before = round == 1 ? LiveTensors.Settled() : before;
            using CaptionModel model = TinyCaptioner.Load(weights);
            using DisposeScope scope = NewDisposeScope();
            using IDisposable quiet = no_grad();
            Search(model, TinyCaptioner.Features(2), 2);
            model.Fold();
            Search(model, TinyCaptioner.Features(2), 2, new RoutePlan(RouteMode.Argmax));
        }

        Assert.Equal(before, Tensor.TotalCount);
    }

    private static void Check(RouteMode mode, int most)
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new(1, CPU);
        Tensor weights = randn([20, 3], generator: generator).mul(2).softmax(-1);
        RoutePlan plan = new(mode, Most: most, Least: 0.3);

        Tensor used = plan.Apply(weights, stage: 0);

        Equal(ones(20), used.sum(-1), 1e-5);
        Assert.True(used.gt(0).sum(-1).max().item<long>() <= most);
        Equal(used, plan.Apply(weights, stage: 0), 0);
        if (mode is not (RouteMode.Random or RouteMode.Static))
        {
            Equal(weights.argmax(-1), used.argmax(-1), 0);
            Assert.False(used.gt(0).logical_and(weights.lt(0.3)).logical_and(used.lt(1)).any().item<bool>() && mode == RouteMode.Threshold);
        }
    }

    private static SearchResult Search(CaptionModel model, Tensor features, int beams, RoutePlan? plan = null)
    {
        using CaptionEnsemble ensemble = new([model], features, plan ?? RoutePlan.Soft, training: null, TaskRun.Plain);
        return BeamSearch.Run(ensemble, beams, 12);
    }

    private static void Equal(Tensor expected, Tensor actual, double tolerance)
    {
        Assert.Equal(expected.shape, actual.shape);
        Assert.InRange(expected.sub(actual).abs().max().to(ScalarType.Float64).item<double>(), 0, tolerance);
    }
}
