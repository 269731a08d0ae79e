using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins.Eas.Meter;
using Aperture.Tasks;
using Aperture.Text;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Tests.Meter;

/// <summary>What EAS's adapters and skips change in a METER, and what they do not.</summary>
public sealed class MeterModelTests
{
    [Fact]
    public void Fresh_adapters_change_nothing_but_the_classifier_token()
    {
        using DisposeScope scope = NewDisposeScope();
        using TensorWeights plain = TinyMeter.Weights(adapted: false);
        MeterConfig config = TinyMeter.Config(plain);
        using Generator generator = new(3, CPU);
        Dictionary<string, Tensor> fresh = MeterInitialisation.Adapters(config, 8, 12, generator);
        fresh[MeterKeys.ClassifierToken] = FirstTransformed(plain, config);
        using CombinedWeights adapted = new([plain, new TensorWeights(fresh)], ownsSources: false);
        using MeterModel without = TinyMeter.Load(plain), with = TinyMeter.Load(adapted);
        Assert.True(with.Config.Adapted);

        Tensor expected = TinyMeter.Pooled(without, []), actual = TinyMeter.Pooled(with, []);

        Assert.InRange(actual.sub(expected).abs().max().item<float>(), 0, 1e-5);
    }

    [Fact]
    public void Every_arm_changes_the_result_and_arms_from_18_repeat_12_to_17_in_the_published_map()
    {
        using DisposeScope scope = NewDisposeScope();
        using TensorWeights weights = TinyMeter.Weights(layers: 6);
        using MeterModel model = TinyMeter.Load(weights);
        Tensor none = TinyMeter.Pooled(model, []);

        Tensor[] published = [.. Enumerable.Range(0, 24).Select(arm => TinyMeter.Pooled(model, [arm]))];
        Tensor[] intended = [.. Enumerable.Range(0, 24).Select(arm => TinyMeter.Pooled(model, [arm], legacyArmMap: false))];

        Assert.All(published.Concat(intended), pooled => Assert.NotEqual(0, pooled.sub(none).abs().max().item<float>()));
        for (int layer = 0; layer < 6; layer++)
        {
            Assert.True(published[18 + layer].equal(published[12 + layer]).all().item<bool>());
            Assert.False(intended[18 + layer].equal(intended[12 + layer]).all().item<bool>());
        }
    }

    [Fact]
    public void Numbers_of_parameters_are_those_of_the_published_code()
    {
        // width 768: adapters of 96 and replacements of 144 in 2 x 6 layers.
        const int ordinary = (96 * 768) + 96 + (2 * ((768 * 48) + 768)) + (2 * 768) + 2;
        const int replacement = (2 * ((144 * 768) + 144)) + (2 * ((768 * 72) + 768)) + (2 * 768) + 2;
        MeterConfig config = new()
        {
            Text = new BertConfig(),
            Vision = Vision(),
            Width = 768,
            Inner = 3072,
            Layers = 6,
            Heads = 12,
            TokenTypes = 2,
            Adapted = false,
        };
        using Generator generator = new(1, CPU);

        using TensorWeights adapters = new(
            MeterInitialisation.Adapters(config, MeterInitialisation.AdapterWidth, MeterInitialisation.ReplacementWidth, generator));

        Assert.Equal(13_465_848, 12 * ((3 * ordinary) + (2 * replacement)));
        Assert.Equal(13_465_848, adapters.Names.Sum(name => adapters.Describe(name).Shape.Aggregate(1L, (count, size) => count * size)));
        Assert.All(adapters.Names, name => Assert.True(MeterKeys.IsTrained(name)));
    }

    [Fact]
    public void Skipping_without_adapters_is_refused()
    {
        using TensorWeights weights = TinyMeter.Weights(adapted: false);
        using MeterModel model = TinyMeter.Load(weights);

        ApertureException error = Assert.Throws<ApertureException>(() => TinyMeter.Pooled(model, [3]));

        Assert.Contains("attention can only be skipped where a checkpoint has EAS's adapters", error.Message);
    }

    [Theory]
    [InlineData(new[] { 24 }, "there is no attention 24 to skip; with 6 layers they are numbered 0 to 23")]
    [InlineData(new[] { -1 }, "there is no attention -1 to skip")]
    [InlineData(new[] { 4, 7, 4 }, "attention 4 stands twice")]
    public void A_wrong_list_is_one_line(int[] arms, string expected)
    {
        ApertureException error = Assert.Throws<ApertureException>(() => MeterPlan.FromArms(arms, 6, legacyArmMap: true));

        Assert.Contains(expected, error.Message);
    }

    [Fact]
    public void The_committed_list_skips_nine_sublayers()
    {
        MeterPlan plan = MeterPlan.FromArms([13, 8, 17, 4, 6, 12, 23, 2, 1, 0], 6, legacyArmMap: true);

        Assert.Equal(9, plan.Skipped);
        Assert.DoesNotContain(true, plan.ImageCross);
    }

    [Fact]
    public void Skipping_saves_what_the_count_says()
    {
        using TensorWeights weights = TinyMeter.Weights(layers: 6);
        using MeterModel model = TinyMeter.Load(weights);
        long Count(params int[] arms)
        {
            MeterPlan plan = MeterPlan.FromArms(arms, 6, legacyArmMap: false);
            (long text, long vision, long fusion) = MeterFlops.Count(model, plan, textTokens: 40, imageSize: TinyMeter.Side);
            return text + vision + fusion;
        }

        // A text self-attention: 8 L d² + 4 L² d and its adapter (3 L d r) against a replacement (3 L d r' + 2 d r').
        Assert.Equal((8 * 40 * 16 * 16) + (4 * 40 * 40 * 16) + (3 * 40 * 16 * 8) - (3 * 40 * 16 * 12) - (2 * 16 * 12), Count() - Count(2));
        Assert.True(Count(0, 1, 2, 3) < Count(0, 1));
    }

    [Fact]
    public void Other_checkpoints_are_refused_with_their_reason()
    {
        using TensorWeights weights = TinyMeter.Weights(layers: 6);
        IWeightSource foreign = weights.Where(name => !name.StartsWith(MeterKeys.TextTransform, StringComparison.Ordinal));
        IWeightSource swin = weights.Where(name => !name.StartsWith(MeterKeys.Vision, StringComparison.Ordinal));
        IWeightSource gap = weights.Where(name => !name.StartsWith(MeterKeys.TextLayer(2), StringComparison.Ordinal));
        IWeightSource damaged = weights.Where(name => name != MeterKeys.ImageLayer(3) + "crossattention.self.key.weight");

        Assert.Contains("This is no METER checkpoint", Assert.Throws<ApertureException>(() => TinyMeter.Config(foreign)).Message);
        Assert.Contains("those with a Swin transformer are not supported", Assert.Throws<ApertureException>(() => TinyMeter.Config(swin)).Message);
        Assert.Contains("not numbered from 0 without gaps", Assert.Throws<ApertureException>(() => TinyMeter.Config(gap)).Message);
        Assert.Contains("cross_modal_image_layers.3.crossattention.self.key.weight", Assert.Throws<ApertureException>(() => TinyMeter.Load(damaged)).Message);
    }

    [Fact]
    public void A_second_picture_needs_a_third_token_type()
    {
        using DisposeScope scope = NewDisposeScope();
        using TensorWeights two = TinyMeter.Weights(tokenTypes: 2), grown = new(
            new Dictionary<string, Tensor> { [MeterKeys.TokenTypes] = MeterInitialisation.TokenTypesForTwo(two).DetachFromDisposeScope() });
        using MeterModel model = TinyMeter.Load(two), ready = TinyMeter.Load(new CombinedWeights([two, grown], ownsSources: false));
        Tensor ids = ones(1, 3, dtype: ScalarType.Int64), mask = ones_like(ids);
        MeterPlan plan = MeterPlan.FromArms([], model.Config.Layers, legacyArmMap: true);
        Tensor Run(MeterModel of, int type)
            => of.Fuse(of.EncodeText(ids, mask), mask, of.EncodeImage(zeros(1, 3, TinyMeter.Side, TinyMeter.Side)), plan, type).Pooled;

        Assert.Contains("need a checkpoint trained for NLVR2", Assert.Throws<ApertureException>(() => Run(model, 2)).Message);
        Assert.True(Run(ready, 2).equal(Run(model, 1)).all().item<bool>());
    }

    [Fact]
    public void Loading_and_running_leave_no_tensor_behind()
    {
        using TensorWeights weights = TinyMeter.Weights();
        long before = 0;
        for (int round = 0; round < 3; round++)
        {
            before = round == 1 ? LiveTensors.Settled() : before;
            using MeterModel model = TinyMeter.Load(weights, trainable: round == 2);
            using Tensor pooled = TinyMeter.Pooled(model, [1, 2, 5, 7]);
            using Tensor vqa = model.Heads.Vqa!.Run(pooled), rank = model.Heads.Rank(pooled), match = model.Heads.Match(pooled);
        }

        Assert.Equal(before, Tensor.TotalCount);
    }

    private static VisionTransformerConfig Vision()
        => new() { HiddenSize = 768, IntermediateSize = 3072, Layers = 11, Heads = 12, ImageSize = 384, PatchSize = 16 };

    // What plain METER has in the first row for the text of TinyMeter.Pooled, whose first token is the classifier's: the transformed output of the text
    // encoder.
    private static Tensor FirstTransformed(TensorWeights weights, MeterConfig config)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using BertEncoder text = new(config.Text, BertWeights.Load(weights, MeterKeys.Text, config.Text, TinyMeter.Policy, pooler: false));
        Tensor ids = tensor(new long[] { 0, 5, 6, 7, 2, 1, 1 }, [1, 7]), mask = tensor(new long[] { 1, 1, 1, 1, 1, 0, 0 }, [1, 7]);
        Tensor rows = text.Run(ids, mask).narrow(1, 0, 1);
        return nn.functional.linear(rows, weights.Load(MeterKeys.TextTransform + ".weight"), weights.Load(MeterKeys.TextTransform + ".bias"))
            .DetachFromDisposeScope();
    }
}
