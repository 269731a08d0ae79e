using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins.DyVte.FastV;
using Aperture.Sequences;
using Aperture.Tasks;
using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte.Tests;

public sealed class FastVTests
{
    private static readonly SequenceLayout _prompt = Prompts.With(4, 20, 6);

    [Theory]
    [InlineData("{}", 1, 10)]
    [InlineData("""{"Keep":0.24,"Layer":0}""", 0, 4)]
    [InlineData("""{"KeepTokens":3,"Layer":3}""", 3, 3)]
    [InlineData("""{"KeepTokens":30}""", 1, 20)]
    [InlineData("""{"Keep":0}""", 1, 0)]
    public void Keeps_the_tokens_that_the_last_row_reads_most(string options, int layer, int kept)
    {
        using SmallModel model = new();
        using Tensor rows = model.Rows(_prompt, 1);
        using ITokenReducer reducer = (ITokenReducer)new FastVFactory().Create(Parse(options), model.Decoder.Info, new FactoryFiles());
        LastRow trace = new(layer);

        (Tensor output, SequenceLayout[] layouts) = model.Prefill([_prompt], [rows], reducer, trace);

        int[] best = [.. Enumerable.Range(4, 20).OrderByDescending(row => trace.Map[row]).Take(kept).Order()];
        Assert.Equal([0, 1, 2, 3, .. best, 24, 25, 26, 27, 28, 29], layouts[0].Original.ToArray());
        Assert.Equal(layouts[0].Original.ToArray(), layouts[0].Positions.ToArray());
        output.Dispose();
    }

    [Fact]
    public void After_an_exit_there_is_nothing_left_to_choose()
    {
        using SmallModel model = new();
        using Tensor rows = model.Rows(_prompt, 2);
        using ExitReducer exit = new(new DyVteOptions { FixedExitLayer = 0 }, null);
        using FastVReducer fastv = new(new FastVOptions());
        (Tensor both, SequenceLayout[] layouts) = Prefill(model, rows, fastv, exit);
        (Tensor alone, _) = model.Prefill([_prompt], [rows], exit);

        Assert.Equal(0, layouts[0].VisualCount);
        Assert.Equal(alone.data<float>().ToArray(), both.data<float>().ToArray());
        both.Dispose();
        alone.Dispose();
    }

    [Fact]
    public void Gates_of_the_same_layer_act_on_what_is_left()
    {
        using SmallModel model = new();
        using Tensor rows = model.Rows(_prompt, 3);
        using ExitReducer exit = new(new DyVteOptions { Threshold = 1e-12, MinExitLayer = 1 }, TestGates.Random(1));
        using FastVReducer fastv = new(new FastVOptions());

        (Tensor both, SequenceLayout[] layouts) = Prefill(model, rows, fastv, exit);

        Assert.Equal([0, 1, 2, 3, 24, 25, 26, 27, 28, 29], layouts[0].Original.ToArray());
        both.Dispose();
    }

    [Theory]
    [InlineData("""{"Layer":-1}""", "Layer is -1")]
    [InlineData("""{"Layer":4}""", "layers 0 to 3")]
    [InlineData("""{"Keep":1.5}""", "fraction from 0 to 1")]
    [InlineData("""{"Keep":0.5,"KeepTokens":3}""", "only one of")]
    [InlineData("""{"KeepTokens":-1}""", "KeepTokens is -1")]
    [InlineData("""{"K":2}""", "unknown option 'K'")]
    public void Wrong_options_are_named(string options, string message)
    {
        using SmallModel model = new();

        ApertureException error = Assert.Throws<ApertureException>(() => new FastVFactory().Create(Parse(options), model.Decoder.Info, new FactoryFiles()));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Every_option_is_described_and_nothing_else()
        => Assert.Equal(OptionsJson.Default.FastVOptions.Properties.Select(p => p.Name).Order(), new FastVFactory().Options.Select(o => o.Name).Order());

    [Fact]
    public void No_tensor_is_left_behind()
    {
        using SmallModel model = new();
        using Tensor rows = model.Rows(_prompt, 4);
        using FastVReducer reducer = new(new FastVOptions());
        model.Prefill([_prompt], [rows], reducer, new ExitLog()).Rows.Dispose();
        long before = LiveTensors.Settled();

        model.Prefill([_prompt], [rows], reducer, new ExitLog()).Rows.Dispose();

        Assert.Equal(before, Tensor.TotalCount);
    }

    private static JsonElement Parse(string json) => JsonDocument.Parse(json).RootElement;

    private static (Tensor Rows, SequenceLayout[] Layouts) Prefill(SmallModel model, Tensor rows, params IDecoderMethod[] methods)
    {
        using IDisposable grad = no_grad();
        using RequestContext request = new(model.Decoder.Info, [_prompt], HookTableBuilder.Build(model.Decoder.Info, methods), null, new KvCache(4, 1, 0));
        using ForwardState state = model.Decoder.Begin(request, DecoderPhase.Prefill, [_prompt]);
        Tensor output = model.Decoder.Run(state, rows.clone(), CancellationToken.None);
        return (output, [state.Layout(0)]);
    }

    /// <summary>The head mean of the last row's attention in a layer.</summary>
    private sealed class LastRow(int wanted) : IDecoderTrace
    {
        public float[] Map { get; private set; } = [];

        public bool WantsAttention(int layer) => layer == wanted;

        public void LayerAttention(ILayerContext context, IAttentionStatistics statistics)
            => statistics.RowBlocks(0, [context.Layout(0).Count - 1], (_, block) =>
            {
                using Tensor mean = block.mean([0]);
                Map = mean.data<float>().ToArray();
            });
    }
}
