using Aperture.Decoding;
using Aperture.Plugins.Eas.Adapters;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Tests;

/// <summary>The two adapters and what they merge to.</summary>
public sealed class AdapterTests
{
    private const int Width = 24;

    [Fact]
    public void A_fresh_ordinary_adapter_is_the_identity()
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new(1, CPU);
        RepAdapter adapter = RepAdapter.Fresh(Width, 8, routerBias: false, generator);
        Tensor x = randn([2, 5, Width], generator: generator);

        Tensor y = adapter.Run(x, adapter.Route(TokenQuery.MeanAll.Read(x)));

        Assert.Equal(x.data<float>().ToArray(), y.data<float>().ToArray());
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Merging_gives_what_the_adapter_before_the_linear_layer_gives(bool dense, bool gained)
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new(2, CPU);
        PropagationAdapter adapter = PropagationAdapter.Fresh(Width, 12, zero: false, generator, scale: 0.7);
        Tensor x = randn([1, 6, Width], generator: generator);
        Tensor linear = randn([40, Width], generator: generator);
        Tensor? gain = gained ? rand([Width], generator: generator).mul(4) : null;
        Tensor mean = TokenQuery.MeanAll.Read(x), weights = adapter.Route(mean), pool = adapter.Pool(mean);

        using AffineAdapter affine = adapter.Affine(weights[0], pool[0]);
        WeightDelta delta = affine.MergeInto(linear, gain, dense, officialBias: false);

        Tensor rows = adapter.Run(x, pool, weights)[0];
        Tensor expected = (gain is null ? rows : rows.mul(gain)).matmul(linear.transpose(0, 1));
        Assert.InRange(Largest(expected.sub(Apply(delta, linear, x[0]))), 0, 1e-4);
        AffineAdapter.DisposeDelta(delta);
    }

    [Fact]
    public void The_official_bias_multiplies_by_the_merged_matrix_again()
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new(3, CPU);
        PropagationAdapter adapter = PropagationAdapter.Fresh(Width, 12, zero: false, generator);
        Tensor x = randn([1, 6, Width], generator: generator), linear = randn([40, Width], generator: generator), gain = rand([Width], generator: generator);
        Tensor mean = TokenQuery.MeanAll.Read(x);
        using AffineAdapter affine = adapter.Affine(adapter.Route(mean)[0], adapter.Pool(mean)[0]);

        WeightDelta delta = affine.MergeInto(linear, gain, dense: false, officialBias: true);

        Tensor merged = linear.mul(gain).matmul(affine.Matrix());
        Assert.InRange(Largest(merged.matmul(affine.Bias.mul(gain)).sub(delta.Bias!)), 0, 1e-4);
        AffineAdapter.DisposeDelta(delta);
    }

    [Fact]
    public void The_prompt_mask_ends_at_the_first_supervised_label_and_leaves_padding_out()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor labels = tensor(new long[] { -100, -100, 7, -100, -100, -100, -100, -100, -100, 3 }, [2, 5]);

        float[] mask = TokenQueries.PromptMask(labels).data<float>().ToArray();

        Assert.Equal([0.5f, 0.5f, 0, 0, 0, 0.25f, 0.25f, 0.25f, 0.25f, 0], mask);
    }

    [Fact]
    public void A_7B_models_layers_have_the_published_numbers_of_parameters()
    {
        using Generator generator = new(5, CPU);
        using RepAdapter ordinary = RepAdapter.Fresh(4096, 8, routerBias: true, generator);
        using PropagationAdapter propagation = PropagationAdapter.Fresh(4096, 32, zero: true, generator);

        Assert.Equal(81_930, ordinary.Named("").Sum(pair => pair.Tensor.NumberOfElements));
        Assert.Equal(409_666, propagation.Named("").Sum(pair => pair.Tensor.NumberOfElements));
    }

    [Fact]
    public void Adapters_leave_no_tensor_behind()
    {
        using Generator generator = new(4, CPU);
        using Tensor x = randn([1, 4, Width], generator: generator);
        long before = 0;
        for (int round = 0; round < 3; round++)
        {
            before = round == 1 ? LiveTensors.Settled() : before;
            using PropagationAdapter adapter = PropagationAdapter.Fresh(Width, 12, zero: false, generator);
            using RepAdapter ordinary = RepAdapter.Fresh(Width, 8, routerBias: true, generator);
            using Tensor mean = TokenQuery.MeanAll.Read(x), weights = adapter.Route(mean), pool = adapter.Pool(mean), y = adapter.Run(x, pool, weights);
            using Tensor own = ordinary.Route(mean)!, z = ordinary.Run(x, own);
            using Tensor firstWeights = weights[0], firstPool = pool[0];
            using AffineAdapter affine = adapter.Affine(firstWeights, firstPool);
            using Tensor matrix = affine.Matrix();
            AffineAdapter.DisposeDelta(affine.MergeInto(matrix, null, dense: false, officialBias: true));
        }

        Assert.Equal(before, Tensor.TotalCount);
    }

    private static Tensor Apply(WeightDelta delta, Tensor linear, Tensor x)
    {
        if (delta.Full is { } full)
        {
            return x.matmul(full.transpose(0, 1)).add(delta.Bias!);
        }

        Tensor scaled = delta.InputScale is { } scale ? x.mul(scale) : x;
        return scaled.matmul(linear.transpose(0, 1)).add(x.matmul(delta.Down!.transpose(0, 1)).matmul(delta.Up!.transpose(0, 1))).add(delta.Bias!);
    }

    private static float Largest(Tensor difference) => difference.abs().max().item<float>();
}
