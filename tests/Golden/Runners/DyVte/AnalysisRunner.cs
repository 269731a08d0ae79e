using Aperture.Decoding;
using Aperture.Golden.Tests.BaseModels;
using Aperture.Golden.Tests.FitPrune;
using Aperture.Models;
using Aperture.Plugins.DyVte.Analysis;
using Aperture.Requests;
using Aperture.Sequences;
using Aperture.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DyVte;

/// <summary>Attention statistics by layer, with and without an exit, and the logits of every forced exit.</summary>
public sealed class AnalysisRunner : IGoldenRunner
{
    public string Area => "dyvte";

    public string Kind => "analysis";

    public void Run(GoldenCase golden)
    {
        using IDisposable grad = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Assert.Equal(golden.Config.GetProperty("pairs").EnumerateArray().Select(pair => pair.GetString()!), AttentionProfile.Pairs);
        using RecordedDecoder model = new(golden, RecordedDecoder.ConfigOf(golden));
        (int prefix, int visual, int text) = (golden.Config.Int("prefix"), golden.Config.Int("visual_tokens"), golden.Config.Int("text_after"));
        SequenceLayout layout = GateCase.Layout(prefix, visual, text);
        Tensor rows = golden.Get("in.inputs_embeds").squeeze(0);
        LastRows last = new();
        AttentionProfile full = Profile(model.Decoder, layout, rows, null, last);
        golden.Compare("mid.attention_last_row", stack(last.Maps, 0));
        golden.Compare("out.mass", Table(full.Mass));
        golden.Compare("out.mass_headmax", Table(full.HeadMaximumMass));
        golden.Compare("out.entropy_text_rows", Row(full.TextEntropy));
        golden.Compare("out.entropy_last_row", Row(full.LastEntropy));
        golden.Compare("out.entropy_text_rows_text_after_only", Row(full.TextEntropyBehind));
        golden.Compare("out.entropy_last_row_text_after_only", Row(full.LastEntropyBehind));
        golden.Compare("out.update_norm", Table(full.UpdateNorm));
        golden.Compare("out.cosine", Table(full.Cosine));

        using ForcedExit exit = new(golden.Config.Int("exit_layer_of_exit_run"));
        AttentionProfile exited = Profile(model.Decoder, layout, rows, exit, null);
        golden.Compare("out.exit.entropy_text_rows", Row(exited.TextEntropy));
        golden.Compare("out.exit.entropy_last_row", Row(exited.LastEntropy));

        int[] layers = [.. Enumerable.Range(0, model.Decoder.Info.Layers)];
        EnteredRequest entered = new(new RequestContext(model.Decoder.Info, 1, null, null, CancellationToken.None));
        entered.Add(new PackedPrompt(rows.clone(), layout));
        entered.Enter(cache: null);
        using DecoderRun run = DecoderRun.Begin(model.Decoder, entered);
        (Tensor whole, IReadOnlyList<Tensor> branches) = ExitFork.Run(
            run, layers.Length, layers, [.. Enumerable.Range(prefix + visual, text)], CancellationToken.None);
        golden.Compare("out.full.logits_text", whole);
        golden.Compare("out.sweep.logits_text", stack(branches, 0));
    }

    private static AttentionProfile Profile(Decoder decoder, SequenceLayout layout, Tensor rows, ITokenReducer? reducer, LastRows? last)
    {
        using AttentionRecorder recorder = new(decoder.Info.Layers);
        HookTable? table = reducer is null ? null : HookTableBuilder.Build(decoder.Info, [reducer]);
        foreach (IDecoderTrace trace in last is null ? new IDecoderTrace[] { recorder } : [recorder, last])
        {
            using RequestContext request = new(decoder.Info, [layout], table, trace, new KvCache(decoder.Info.Layers, 1, 0));
            using ForwardState state = decoder.Begin(request, DecoderPhase.Prefill, [layout]);
            decoder.Run(state, rows.clone(), CancellationToken.None).Dispose();
        }

        return recorder.Profile;
    }

    private static Tensor Table(double[][] values)
        => tensor(values.SelectMany(row => row.Select(value => (float)value)).ToArray(), [values.Length, values[0].Length]);

    private static Tensor Row(double[] values) => tensor(Array.ConvertAll(values, value => (float)value));

    /// <summary>The last row of each layer's map, <c>[heads, keys]</c>.</summary>
    private sealed class LastRows : IDecoderTrace
    {
        public List<Tensor> Maps { get; } = [];

        public bool WantsAttention(int layer) => true;

        public void LayerAttention(ILayerContext context, IAttentionStatistics statistics)
            => statistics.RowBlocks(0, [context.Layout(0).Count - 1], (_, block) => Maps.Add(block.squeeze(1).clone()));
    }
}
