using Aperture.Decoding;
using Aperture.Golden.Tests.BaseModels;
using Aperture.Golden.Tests.FitPrune;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DyVte;

/// <summary>A prompt through the gated decoder, then greedy decoding on what its caches hold.</summary>
public class ExitRunner : IGoldenRunner
{
    public string Area => "dyvte";

    public virtual string Kind => "exit";

    /// <summary>What acts before the gates.</summary>
    private protected virtual ITokenReducer[] Before(GoldenCase golden) => [];

    private protected virtual void CompareBefore(GoldenCase golden, ExitTrace trace)
    {
    }

    public void Run(GoldenCase golden)
    {
        using IDisposable grad = no_grad();
        (int prefix, int visual, int text) = (golden.Config.Int("prefix"), golden.Config.Int("visual_tokens"), golden.Config.Int("text_after"));
        using RecordedDecoder model = new(golden, RecordedDecoder.ConfigOf(golden));
        Decoder decoder = model.Decoder;
        SequenceLayout layout = GateCase.Layout(prefix, visual, text);
        using ExitTrace trace = new();
        using ITokenReducer reducer = GateCase.Reducer(golden, decoder.Info.HiddenSize);
        HookTable table = HookTableBuilder.Build(decoder.Info, [trace, .. Before(golden), reducer]);
        using RequestContext request = new(decoder.Info, [layout], table, trace, new KvCache(decoder.Info.Layers, 1, golden.Config.Int("steps")));
        using ForwardState state = decoder.Begin(request, DecoderPhase.Prefill, [layout]);
        using Tensor rows = decoder.Run(state, golden.Get("in.inputs_embeds").squeeze(0).clone(), CancellationToken.None);

        Assert.Equal(golden.Config.Int("exit_layer"), trace.ExitLayer);
        CompareWhole(golden, "out.exit_layer", trace.ExitLayer);
        CompareBefore(golden, trace);
        CompareLayers(golden, trace, prefix, visual, text);
        CompareOutput(golden, decoder, state, rows, text);
        CompareDecoding(golden, decoder, request, state, rows);
    }

    private static void CompareLayers(GoldenCase golden, ExitTrace trace, int prefix, int visual, int text)
    {
        using DisposeScope scope = NewDisposeScope();
        Assert.Equal(golden.Numbers("mid.gate_logits").Order(), trace.LayersOf("dyvte.logits"));
        foreach (int layer in golden.Numbers("mid.gate_logits"))
        {
            golden.Compare($"mid.gate_feature.{layer}", trace["dyvte.feature", layer]);
            golden.Compare($"mid.gate_logits.{layer}", trace["dyvte.logits", layer]);
        }

        foreach (int layer in golden.Numbers("mid.hidden_rows"))
        {
            long[] chosen = [.. trace.Entering[layer].Original.ToArray().Select((original, row) => (original, row))
                .Where(r => r.original == 0 || r.original == prefix - 1 || r.original >= prefix + visual).Select(r => (long)r.row)];
            golden.Compare($"mid.hidden_rows.{layer}", trace["output", layer].index_select(0, tensor(chosen)));
        }

        foreach (int layer in golden.Numbers("mid.visual_rows"))
        {
            Tensor all = trace["output", layer].narrow(0, prefix, visual);
            golden.Compare($"mid.visual_rows.{layer}", all.index_select(0, arange(0, visual, 37)));
        }

        foreach (int layer in golden.Numbers("mid.position_ids"))
        {
            golden.CompareExact($"mid.position_ids.{layer}", CaseNames.Whole(trace.Entering[layer].Positions.ToArray(), 1, trace.Entering[layer].Count));
        }

        foreach (string kind in new[] { "k", "v" })
        {
            foreach (int layer in golden.Numbers($"mid.{kind}_text"))
            {
                Tensor cache = trace[kind, layer];
                golden.Compare($"mid.{kind}_text.{layer}", cache.narrow(1, cache.size(1) - text, text).unsqueeze(0));
            }
        }

        if (golden.Has("mid.layer_input_after_exit"))
        {
            golden.Compare("mid.layer_input_after_exit", trace["input", trace.ExitLayer + 1].unsqueeze(0));
        }
    }

    private static void CompareOutput(GoldenCase golden, Decoder decoder, ForwardState state, Tensor rows, int text)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor normed = decoder.FinalNorm(rows, state.Rows);
        SequenceLayout layout = state.Layout(0);
        long[] other = [.. Enumerable.Range(0, layout.Count).Except(layout.VisualRows()).Select(row => (long)row)];
        if (golden.Has("out.last_hidden"))
        {
            golden.Compare("out.last_hidden", normed.index_select(0, tensor(other)).unsqueeze(0));
        }

        if (golden.Has("out.last_hidden_text"))
        {
            golden.Compare("out.last_hidden_text", normed.narrow(0, state.Rows - text, text).unsqueeze(0));
        }

        golden.Compare("out.logits_text", decoder.Logits(rows, state.Rows).narrow(0, state.Rows - text, text).unsqueeze(0));
    }

    private static void CompareDecoding(GoldenCase golden, Decoder decoder, RequestContext request, ForwardState prefilled, Tensor rows)
    {
        using DisposeScope scope = NewDisposeScope();
        (int layers, int steps) = (decoder.Info.Layers, golden.Config.Int("steps"));
        List<int> lengths = [.. Enumerable.Range(0, layers).Select(layer => request.Cache!.Length(layer, 0))], tokens = [];
        List<Tensor> stepLogits = [];
        Tensor last = decoder.LastLogits(prefilled, rows);
        for (int step = 0; step < steps; step++)
        {
            int token = (int)last.argmax(-1).item<long>();
            tokens.Add(token);
            SequenceLayout next = SequenceLayout.Create([new Aperture.Sequences.Span(SpanKind.Generated, 1)], [request.NextPosition(0)]);
            request.Step = step + 1;
            using ForwardState state = decoder.Begin(request, DecoderPhase.Decode, [next]);
            Tensor after = decoder.Run(state, decoder.Embed([token]), CancellationToken.None);
            request.Advance(0, 1);
            last = decoder.LastLogits(state, after);
            stepLogits.Add(last);
            lengths.AddRange(Enumerable.Range(0, layers).Select(layer => request.Cache!.Length(layer, 0)));
        }

        golden.CompareExact("out.tokens", CaseNames.Whole(tokens));
        Tensor recorded = golden.Get("out.kv_len"); // after the prompt and after each step, the last one where it was recorded
        golden.CompareExact("out.kv_len", CaseNames.Whole(lengths.Take((int)recorded.numel()), recorded.shape));
        golden.Compare("out.step_logits", cat(stepLogits, 0));
    }

    private static void CompareWhole(GoldenCase golden, string name, int value)
    {
        using Tensor actual = tensor((long)value);
        golden.CompareExact(name, actual);
    }
}
