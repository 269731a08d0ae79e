using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Sequences;
using Aperture.Tasks;
using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte.Tests;

/// <summary>One prompt in the product's decoder.</summary>
public sealed class ExitReducerTests
{
    private const long Seed = 5;
    private static readonly SequenceLayout _prompt = Prompts.With(4, 20, 6);

    private static DyVteOptions Never { get; } = new() { Threshold = 1 - 1e-12 };

    [Fact]
    public void Gates_that_stay_silent_give_the_plain_models_bits()
    {
        using SmallModel model = new();
        using Tensor rows = model.Rows(_prompt, 1);
        using ExitReducer reducer = new(Never, TestGates.Random(Seed));
        ExitLog log = new();

        (Tensor with, _) = model.Prefill([_prompt], [rows], reducer, log);
        (Tensor without, _) = model.Prefill([_prompt], [rows], null);

        Assert.Equal(4, log.Asked.Count);
        Assert.Empty(log.Exits);
        AssertSameBits(without, with);
    }

    [Fact]
    public void A_text_only_prompt_asks_no_gate_and_gives_the_plain_models_bits()
    {
        using SmallModel model = new();
        SequenceLayout text = SequenceLayout.Create([new Span(SpanKind.Text, 15)]);
        using Tensor rows = model.Rows(text, 2);
        using ExitReducer reducer = new(new DyVteOptions { Threshold = 1e-9 }, TestGates.Random(Seed));
        ExitLog log = new();

        (Tensor with, _) = model.Prefill([text], [rows], reducer, log);
        (Tensor without, _) = model.Prefill([text], [rows], null);

        Assert.Empty(log.Asked);
        AssertSameBits(without, with);
    }

    [Fact]
    public void A_prompt_that_ends_in_its_image_keeps_it()
    {
        using SmallModel model = new();
        SequenceLayout image = Prompts.With(4, 20, 0);
        using Tensor rows = model.Rows(image, 2);
        using ExitReducer reducer = new(new DyVteOptions { FixedExitLayer = 1 }, null);

        (Tensor with, SequenceLayout[] layouts) = model.Prefill([image], [rows], reducer);

        Assert.Equal(24, layouts[0].Count);
        with.Dispose();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void The_first_gate_that_fires_ends_the_questions_and_takes_the_visual_rows(int exit)
    {
        using SmallModel model = new();
        using Tensor rows = model.Rows(_prompt, 3);
        ExitLog silent = Silent(model, rows), log = new();
        using ExitReducer reducer = new(new DyVteOptions(), TestGates.Deciding(silent, Seed, layer => layer >= exit));

        (Tensor output, SequenceLayout[] layouts) = model.Prefill([_prompt], [rows], reducer, log);

        Assert.Equal(Enumerable.Range(0, exit + 1), log.Asked.Select(a => a.Layer));
        Assert.Equal(exit, log.Exits[0]);
        Assert.Equal([0, 1, 2, 3, 24, 25, 26, 27, 28, 29], layouts[0].Original.ToArray());
        Assert.Equal(layouts[0].Original.ToArray(), layouts[0].Positions.ToArray());
        Assert.Equal((exit + 1) * 16L * (64 + 2), log.Macs);
        output.Dispose();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_fixed_exit_equals_gates_that_fire_there_and_masked_columns(int exit)
    {
        using SmallModel model = new();
        using Tensor rows = model.Rows(_prompt, 4);
        using ExitReducer deciding = new(new DyVteOptions(), TestGates.Deciding(Silent(model, rows), Seed, layer => layer == exit));
        using ExitReducer forced = new(new DyVteOptions { FixedExitLayer = exit }, null);

        (Tensor byGates, _) = model.Prefill([_prompt], [rows], deciding);
        (Tensor fixedExit, SequenceLayout[] layouts) = model.Prefill([_prompt], [rows], forced);

        HashSet<int> all = [.. Enumerable.Range(0, 30)], text = [.. layouts[0].Original.ToArray()];
        using Tensor masked = new MaskedDecoder(model).Run(rows, [.. Enumerable.Range(0, 4).Select(layer => layer <= exit ? all : text)]);
        using Tensor index = tensor([.. text.Order().Select(row => (long)row)]);
        using Tensor survivors = masked.index_select(0, index);
        AssertClose(survivors, fixedExit, 1e-5);
        AssertSameBits(byGates, fixedExit);
    }

    [Fact]
    public void An_exit_after_the_last_layer_changes_no_text_row()
    {
        using SmallModel model = new();
        using Tensor rows = model.Rows(_prompt, 6);
        using ExitReducer reducer = new(new DyVteOptions { FixedExitLayer = 3 }, null);

        (Tensor with, SequenceLayout[] layouts) = model.Prefill([_prompt], [rows], reducer);
        (Tensor without, _) = model.Prefill([_prompt], [rows], null);

        using Tensor index = tensor([.. layouts[0].Original.ToArray().Select(row => (long)row)]);
        Tensor text = without.index_select(0, index);
        without.Dispose();
        AssertSameBits(text, with);
    }

    [Theory]
    [InlineData(1e-12, 0, null, 0)]
    [InlineData(1e-12, 2, null, 2)]
    [InlineData(1 - 1e-12, 0, 1, 1)]
    [InlineData(1 - 1e-12, 0, 3, 3)]
    [InlineData(1e-12, 1, 1, 1)]
    public void Threshold_and_layer_bounds_move_the_exit(double threshold, int first, int? last, int exit)
    {
        using SmallModel model = new();
        using Tensor rows = model.Rows(_prompt, 7);
        using ExitReducer reducer = new(new DyVteOptions { Threshold = threshold, MinExitLayer = first, MaxExitLayer = last }, TestGates.Random(Seed));
        ExitLog log = new();

        model.Prefill([_prompt], [rows], reducer, log).Rows.Dispose();

        Assert.Equal(exit, log.Exits[0]);
        Assert.All(log.Asked, asked => Assert.InRange(asked.Layer, first, last - 1 ?? 3));
    }

    [Theory]
    [InlineData(1, new[] { true, false, true, true }, 0)]
    [InlineData(2, new[] { true, false, true, true }, 3)]
    [InlineData(3, new[] { true, false, true, true }, null)]
    [InlineData(2, new[] { false, true, true, false }, 2)]
    public void Patience_waits_for_gates_in_a_row(int patience, bool[] fires, int? exit)
    {
        using SmallModel model = new();
        using Tensor rows = model.Rows(_prompt, 8);
        using ExitReducer reducer = new(new DyVteOptions { Patience = patience }, TestGates.Deciding(Silent(model, rows), Seed, layer => fires[layer]));
        ExitLog log = new();

        model.Prefill([_prompt], [rows], reducer, log).Rows.Dispose();

        Assert.Equal(exit, log.Exits.TryGetValue(0, out int layer) ? layer : null);
    }

    [Theory]
    [InlineData("text", new[] { 24, 25, 26, 27, 28 })]
    [InlineData("all-text", new[] { 0, 1, 2, 3, 24, 25, 26, 27, 28 })]
    public void Gates_read_the_mean_of_the_text_and_its_last_row(string input, int[] mean)
    {
        using SmallModel model = new();
        using Tensor rows = model.Rows(_prompt, 9);
        using ExitReducer reducer = new(Never with { GateInput = input }, TestGates.Random(Seed));
        ExitLog log = new();

        (Tensor output, _) = model.Prefill([_prompt], [rows], reducer, log);

        using Tensor index = tensor([.. mean.Select(row => (long)row)]);
        using Tensor chosen = output.index_select(0, index);
        using Tensor average = chosen.mean([0]);
        using Tensor last = output[29];
        using Tensor expected = cat([average, last], 0);
        using Tensor actual = tensor(log.Features[(3, 0)]);
        AssertClose(expected, actual, 1e-6);
        output.Dispose();
    }

    [Fact]
    public void A_text_of_one_row_is_its_own_mean()
    {
        using SmallModel model = new();
        SequenceLayout one = Prompts.With(4, 20, 1);
        using Tensor rows = model.Rows(one, 10);
        using ExitReducer reducer = new(Never, TestGates.Random(Seed));
        ExitLog log = new();

        model.Prefill([one], [rows], reducer, log).Rows.Dispose();

        float[] feature = log.Features[(2, 0)];
        Assert.Equal(feature[..32], feature[32..]);
        Assert.All(feature, value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void Text_between_two_images_belongs_to_the_mean_and_both_images_go()
    {
        using SmallModel model = new();
        SequenceLayout two = SequenceLayout.Create([.. Prompts.Spans(3, 6, 2), .. Prompts.Spans(0, 5, 3).Skip(1)]);
        using Tensor rows = model.Rows(two, 11);
        using ExitReducer reducer = new(new DyVteOptions { FixedExitLayer = 1 }, null);

        (Tensor output, SequenceLayout[] layouts) = model.Prefill([two], [rows], reducer);

        Assert.Equal([9, 10, 16, 17, 18], PromptRows.Of(two).Text);
        Assert.Equal([0, 1, 2, 9, 10, 16, 17, 18], layouts[0].Original.ToArray());
        output.Dispose();
    }

    [Theory]
    [InlineData("host", "model")]
    [InlineData("device", "fp32")]
    public void Where_gates_live_and_what_they_compute_in_changes_nothing_in_float32(string placement, string type)
    {
        using SmallModel model = new();
        using Tensor rows = model.Rows(_prompt, 12);
        using ExitReducer plain = new(Never, TestGates.Random(Seed));
        using ExitReducer other = new(Never, new Gates.GateSet(
            new Gates.GateTensors(Gates.GateInitialisation.Create(4, 64, 16, Seed)), Gates.GateKeys.Published, 64, onHost: placement == "host",
            single: type == "fp32"));
        ExitLog expected = new(), actual = new();

        model.Prefill([_prompt], [rows], plain, expected).Rows.Dispose();
        model.Prefill([_prompt], [rows], other, actual).Rows.Dispose();

        Assert.Equal(expected.Logits, actual.Logits);
    }

    [Fact]
    public void Gates_that_read_attention_see_three_rows_of_the_head_maximum()
    {
        using SmallModel model = new();
        using Tensor rows = model.Rows(_prompt, 13);
        Gates.GateSet gates = new(new Gates.GateTensors(Gates.GateInitialisation.Create(4, 60, 16, Seed)), Gates.GateKeys.Published, 60);
        using ExitReducer reducer = new(Never with { GateInput = "attention" }, gates);
        ExitLog log = new();

        model.Prefill([_prompt], [rows], reducer, log).Rows.Dispose();

        float[] feature = log.Features[(0, 0)];
        Assert.Equal(60, feature.Length);
        Assert.All(feature, value => Assert.InRange(value, 0, 1));
        Assert.All(feature[..20], value => Assert.True(value > 0));
        Assert.True(feature[40] > 0 && feature[59] > 0);
    }

    [Fact]
    public void Disabled_gives_the_plain_models_bits()
    {
        using SmallModel model = new();
        using Tensor rows = model.Rows(_prompt, 13);
        using ExitReducer reducer = new(new DyVteOptions { Enabled = false, FixedExitLayer = 0 }, null);

        (Tensor with, _) = model.Prefill([_prompt], [rows], reducer);
        (Tensor without, _) = model.Prefill([_prompt], [rows], null);

        AssertSameBits(without, with);
    }

    [Fact]
    public void No_tensor_is_left_behind()
    {
        using SmallModel model = new();
        using Tensor rows = model.Rows(_prompt, 14);
        Gates.GateSet attention = new(new Gates.GateTensors(Gates.GateInitialisation.Create(4, 60, 16, Seed)), Gates.GateKeys.Published, 60);
        foreach (ExitReducer reducer in new ExitReducer[]
        {
            new(Never, TestGates.Random(Seed)),
            new(new DyVteOptions { Threshold = 1e-9, MinExitLayer = 1, DropOwnCache = true }, TestGates.Random(Seed)),
            new(Never with { GateInput = "attention" }, attention),
            new(new DyVteOptions { FixedExitLayer = 2 }, null),
        })
        {
            model.Prefill([_prompt], [rows], reducer, new ExitLog()).Rows.Dispose();
            long before = LiveTensors.Settled();
            model.Prefill([_prompt], [rows], reducer, new ExitLog()).Rows.Dispose();
            model.Prefill([_prompt], [rows], reducer).Rows.Dispose();
            Assert.Equal(before, Tensor.TotalCount);
            reducer.Dispose();
        }
    }

    private static ExitLog Silent(SmallModel model, Tensor rows)
    {
        using ExitReducer reducer = new(Never, TestGates.Random(Seed));
        ExitLog log = new();
        model.Prefill([_prompt], [rows], reducer, log).Rows.Dispose();
        return log;
    }

    private static void AssertSameBits(Tensor expected, Tensor actual)
    {
        using (expected)
        using (actual)
        {
            Assert.Equal(expected.data<float>().ToArray(), actual.data<float>().ToArray());
        }
    }

    private static void AssertClose(Tensor expected, Tensor actual, double tolerance)
    {
        Assert.Equal(expected.shape, actual.shape);
        using Tensor difference = expected.sub(actual);
        double largest = difference.abs().max().item<float>(), scale = expected.abs().max().item<float>();
        Assert.True(largest <= tolerance * scale, $"largest difference {largest}, scale {scale}");
    }
}
