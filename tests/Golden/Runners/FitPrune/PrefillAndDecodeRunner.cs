using System.Text.Json;
using Aperture.Decoding;
using Aperture.Plugins.FitPrune;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.FitPrune;

/// <summary>A prompt through the pruned decoder, then greedy decoding on what its caches hold.</summary>
public sealed class PrefillAndDecodeRunner : IGoldenRunner
{
    public string Area => "fitprune";

    public string Kind => "prefill_and_decode";

    public void Run(GoldenCase golden)
    {
        using IDisposable grad = no_grad();
        JsonElement config = golden.Config;
        (int prefix, int visual, int text) = (config.Int("prefix"), config.Int("visual_tokens"), config.Int("text_after"));
        int[] delete = config.Ints("delete");
        CheckOfficialRecipe(config, delete, visual);
        using PrunedDecoder model = new(config, golden.Weights(), visual);
        Decoder decoder = model.Decoder;
        SequenceLayout layout = PrunedDecoder.Layout(prefix, visual, text);
        int[] mapped = [.. golden.Numbers("mid.attention"), .. golden.Numbers("mid.headmax_self"), .. golden.Numbers("mid.headmax_cross")];
        using PruningTrace trace = new(mapped.ToHashSet());
        using ITokenReducer reducer = model.Reducer(delete);
        HookTable table = HookTableBuilder.Build(decoder.Info, [reducer]);
        using RequestContext request = new(decoder.Info, [layout], table, trace, new KvCache(decoder.Info.Layers, 1, config.Int("steps")));
        using ForwardState state = decoder.Begin(request, DecoderPhase.Prefill, [layout]);
        using Tensor embeddings = golden.Get("in.inputs_embeds").squeeze(0);
        using Tensor rows = decoder.Run(state, embeddings.clone(), CancellationToken.None);

        CompareLayers(golden, trace, prefix, visual, delete);
        CompareOutput(golden, decoder, rows, state.Rows, text);
        CompareDecoding(golden, decoder, request, state, rows, config.Int("steps"));
    }

    // Where the case says which published recipe ran, ours of that ratio must be the same one.
    private static void CheckOfficialRecipe(JsonElement config, int[] delete, int visual)
    {
        if (config.TryGetProperty("reduction_ratio", out JsonElement ratio) && OfficialRecipes.All().FirstOrDefault(recipe =>
            recipe.BaseVisualTokens == visual
                && recipe.Layers == delete.Length
                && Math.Abs((recipe.TargetReduction * 100) - ratio.GetInt32()) < 1e-9) is { } official)
        {
            Assert.Equal(delete, official.Delete);
        }
    }

    private static void CompareLayers(GoldenCase golden, PruningTrace trace, int prefix, int visual, int[] delete)
    {
        int layers = delete.Length;
        int[][] kept = [.. trace.Leaving.Select(layout => Images(layout, prefix, visual))];
        int[][] entering = [.. trace.Entering.Select(layout => Images(layout, prefix, visual))];
        foreach (string kind in new[] { "attention", "headmax_self", "headmax_cross", "hidden", "k", "v" })
        {
            foreach (int layer in golden.Numbers("mid." + kind))
            {
                golden.Compare($"mid.{kind}.{layer}", trace[kind, layer]!);
            }
        }

        foreach (int layer in golden.Numbers("mid.score"))
        {
            golden.Compare($"mid.score.{layer}", trace["fitprune.score", layer]!);
            if (golden.Has($"mid.headmax_self.{layer}"))
            {
                golden.Compare($"mid.headmax_self.{layer}", trace["fitprune.self", layer]!);
                golden.Compare($"mid.headmax_cross.{layer}", trace["fitprune.cross", layer]!);
            }
        }

        for (int layer = 0; layer < layers; layer++)
        {
            // The order inside the deleted set is not robust: sets are compared.
            string name = $"mid.deleted.{layer}";
            int[] deleted = [.. entering[layer].Except(kept[layer])];
            Assert.Equal(golden.Get(name).data<long>().ToArray().Order(), deleted.Select(token => (long)token));
            golden.NotCompared(name, "compared as a set");
            if (trace["fitprune.deleted", layer] is { } reported)
            {
                Assert.Equal(deleted, reported.data<long>().ToArray().Select(row => (int)row - prefix).Order());
            }
        }

        foreach (int layer in golden.Numbers("mid.kept"))
        {
            CompareWhole(golden, $"mid.kept.{layer}", kept[layer]);
        }

        foreach (int layer in golden.Numbers("mid.position_ids"))
        {
            CompareWhole(golden, $"mid.position_ids.{layer}", trace.Entering[layer].Positions.ToArray(), 1, trace.Entering[layer].Count);
        }

        if (golden.Has("mid.kept.last"))
        {
            CompareWhole(golden, "mid.kept.last", kept[^1]);
        }

        if (golden.Has("mid.position_ids.last"))
        {
            CompareWhole(golden, "mid.position_ids.last", trace.Entering[^1].Positions.ToArray(), 1, trace.Entering[^1].Count);
        }

        CompareWhole(golden, "out.kept_count", [.. kept.Select(left => left.Length)]);
        CompareChosenRows(golden, trace);
    }

    private static void CompareChosenRows(GoldenCase golden, PruningTrace trace)
    {
        int[] numbers = golden.Numbers("mid.hidden_rows");
        if (numbers.Length == 0)
        {
            return;
        }

        Tensor index = golden.Get("mid.hidden_row_index"); // [layers, chosen], -1 = unused
        golden.NotCompared("mid.hidden_row_index", "says which rows mid.hidden_rows holds");
        foreach (int layer in numbers)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor chosen = index[layer];
            Tensor rows = trace["hidden", layer]!.squeeze(0).index_select(0, chosen[chosen.ge(0)]);
            golden.Compare($"mid.hidden_rows.{layer}", rows);
        }
    }

    private static void CompareOutput(GoldenCase golden, Decoder decoder, Tensor rows, int count, int text)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor normed = decoder.FinalNorm(rows, count).unsqueeze(0);
        Tensor logits = decoder.Logits(rows, count).unsqueeze(0);
        CompareIfRecorded(golden, "out.last_hidden", normed);
        CompareIfRecorded(golden, "out.logits", logits);
        CompareIfRecorded(golden, "out.last_hidden_text", normed.narrow(1, count - text, text));
        CompareIfRecorded(golden, "out.logits_text", logits.narrow(1, count - text, text));
    }

    private static void CompareDecoding(GoldenCase golden, Decoder decoder, RequestContext request, ForwardState prefilled, Tensor rows, int steps)
    {
        using DisposeScope scope = NewDisposeScope();
        int layers = decoder.Info.Layers;
        List<int> lengths = [.. Enumerable.Range(0, layers).Select(layer => request.Cache!.Length(layer, 0))];
        List<int> tokens = [];
        List<Tensor> stepLogits = [];
        Tensor last = decoder.LastLogits(prefilled, rows);
        for (int step = 0; step < steps; step++)
        {
            int token = (int)last.argmax(-1).item<long>();
            tokens.Add(token);
            SequenceLayout next = SequenceLayout.Create([new Span(SpanKind.Generated, 1)], [request.NextPosition(0)]);
            request.Step = step + 1;
            using ForwardState state = decoder.Begin(request, DecoderPhase.Decode, [next]);
            Tensor after = decoder.Run(state, decoder.Embed([token]), CancellationToken.None);
            request.Advance(0, 1);
            last = decoder.LastLogits(state, after);
            stepLogits.Add(last);
            lengths.AddRange(Enumerable.Range(0, layers).Select(layer => request.Cache!.Length(layer, 0)));
        }

        CompareWhole(golden, "out.tokens", [.. tokens]);
        CompareWhole(golden, "out.kv_len", [.. lengths], steps + 1, layers);
        golden.Compare("out.step_logits", cat(stepLogits, 0));
    }

    private static int[] Images(SequenceLayout layout, int prefix, int visual)
        => [.. layout.Original.ToArray().Select(row => row - prefix).Where(token => token >= 0 && token < visual)];

    private static void CompareWhole(GoldenCase golden, string name, int[] values, params long[] shape)
    {
        using Tensor actual = CaseNames.Whole(values, shape);
        golden.CompareExact(name, actual);
    }

    private static void CompareIfRecorded(GoldenCase golden, string name, Tensor actual)
    {
        if (golden.Has(name))
        {
            golden.Compare(name, actual);
        }
    }
}
