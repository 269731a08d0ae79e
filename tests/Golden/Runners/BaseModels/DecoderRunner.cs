using Aperture.Decoding;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>A decoder alone: states, attention maps and cache of the prompt, logits of all its rows, then single rows onto the cache.</summary>
public sealed class DecoderRunner : IGoldenRunner
{
    private const string WidenedPrefix = "mid.f32.";

    public string Area => "base-models";

    public string Kind => "decoder";

    public void Run(GoldenCase golden)
    {
        DecoderSpec config = RecordedDecoder.ConfigOf(golden);
        CompareWidened(golden);
        if (golden.Has("mid.inv_freq"))
        {
            using Tensor frequencies = tensor(config.Rotary.InverseFrequencies(0));
            golden.Compare("mid.inv_freq", frequencies);
        }

        PaddedBatch batch = new(golden);
        int[][] later = golden.Has("in.decode_ids") ? PaddedBatch.Rows(golden.Get("in.decode_ids")) : [];
        using RecordedDecoder recorded = new(golden, config);
        Decoder decoder = recorded.Decoder;

        using (RecordingTrace trace = new())
        using (RequestContext request = new(decoder.Info, batch.Layouts, null, trace, new KvCache(config.Layers, batch.Samples, 2)))
        {
            using Tensor logits = Prefill(decoder, request, batch, out Tensor last);
            using (last)
            {
                using Tensor normed = decoder.FinalNorm(last, batch.PackedIds.Length);
                ComparePrompt(golden, batch, trace, logits, normed, config);
            }
        }

        // A reserve of one row makes the cache grow while decoding.
        using (RequestContext request = new(decoder.Info, batch.Layouts, null, null, new KvCache(config.Layers, batch.Samples, 1)))
        {
            CompareDecode(golden, decoder, request, batch, later);
        }

        using (RequestContext plain = new(decoder.Info, batch.Layouts, null, null, cache: null))
        {
            using Tensor logits = Prefill(decoder, plain, batch, out Tensor last);
            last.Dispose();
            using Tensor filled = batch.Fill(golden.Get("out.logits"), logits);
            golden.Compare("out.logits", filled);
        }

        CompareLongRun(golden, config, batch, later);
        if (golden.Has("out.logits_no_window"))
        {
            using RecordedDecoder without = new(golden, config with { SlidingWindow = 0 });
            using RequestContext request = new(without.Decoder.Info, batch.Layouts, null, null, cache: null);
            using Tensor logits = Prefill(without.Decoder, request, batch, out Tensor last);
            last.Dispose();
            golden.Compare("out.logits_no_window", logits.view(golden.Get("out.logits_no_window").shape));
        }
    }

    // Prompt and later ids in one pass of a new process, and what dynamic rotary positions of the reference leave behind in a process.
    private static void CompareLongRun(GoldenCase golden, DecoderSpec spec, PaddedBatch batch, int[][] later)
    {
        if (golden.Has("out.full_logits_fresh"))
        {
            using RecordedDecoder fresh = new(golden, spec);
            int[] ids = [.. batch.Ids[0], .. later[0]];
            SequenceLayout[] layouts = [SequenceLayout.Create([new Aperture.Sequences.Span(SpanKind.Text, ids.Length)])];
            using RequestContext request = new(fresh.Decoder.Info, layouts, null, null, cache: null);
            using ForwardState state = fresh.Decoder.Begin(request, DecoderPhase.Prefill, layouts);
            using Tensor rows = fresh.Decoder.Run(state, fresh.Decoder.Embed(ids), CancellationToken.None);
            using Tensor logits = fresh.Decoder.Logits(rows, state.Rows);
            golden.Compare("out.full_logits_fresh", logits.unsqueeze(0)); // [rows, V] -> [1, rows, V]
        }

        if (golden.Has("out.logits_after_growth"))
        {
            golden.NotCompared("out.logits_after_growth",
                "the reference keeps the grown table for later prompts of the process; a table of each sequence gives out.logits, which is compared");
        }
    }

    private static void CompareWidened(GoldenCase golden)
    {
        IWeightSource weights = golden.Weights();
        foreach (string name in golden.Names.Where(name => name.StartsWith(WidenedPrefix, StringComparison.Ordinal)).ToList())
        {
            using Tensor stored = weights.Load(name[WidenedPrefix.Length..]);
            using Tensor widened = stored.to_type(ScalarType.Float32);
            golden.CompareExact(name, widened);
        }
    }

    private static Tensor Prefill(Decoder decoder, RequestContext request, PaddedBatch batch, out Tensor rows)
    {
        using ForwardState state = decoder.Begin(request, DecoderPhase.Prefill, batch.Layouts);
        rows = decoder.Run(state, decoder.Embed(batch.PackedIds), CancellationToken.None);
        return decoder.Logits(rows, state.Rows);
    }

    private static void ComparePrompt(GoldenCase golden, PaddedBatch batch, RecordingTrace trace, Tensor logits, Tensor last, DecoderSpec config)
    {
        void ComparePacked(string name, Tensor packed)
        {
            if (golden.Has(name))
            {
                using Tensor filled = batch.Fill(golden.Get(name), packed);
                golden.Compare(name, filled);
            }
        }

        void CompareHeads(string name, Func<int, Tensor> ofSample)
        {
            if (golden.Has(name))
            {
                using Tensor filled = golden.Get(name).clone();
                for (int sample = 0; sample < batch.Samples; sample++)
                {
                    batch.FillHeads(filled, sample, ofSample(sample));
                }

                golden.Compare(name, filled);
            }
        }

        ComparePacked("out.logits", logits);
        for (int layer = 0; layer < config.Layers; layer++)
        {
            int current = layer;
            ComparePacked($"mid.hidden_states.{layer}", trace.Inputs[layer]);
            CompareHeads($"mid.attentions.{layer}", sample => trace.Attentions[(current, sample)]);
            CompareHeads($"mid.cache.k.{layer}", sample => trace.Caches[(current, sample)].Keys);
            CompareHeads($"mid.cache.v.{layer}", sample => trace.Caches[(current, sample)].Values);
        }

        ComparePacked($"mid.hidden_states.{config.Layers}", last);
    }

    private static void CompareDecode(GoldenCase golden, Decoder decoder, RequestContext request, PaddedBatch batch, int[][] later)
    {
        if (later.Length == 0)
        {
            return;
        }

        Prefill(decoder, request, batch, out Tensor prompt).Dispose();
        prompt.Dispose();
        List<Tensor> steps = [];
        for (int step = 0; step < later[0].Length; step++)
        {
            SequenceLayout[] layouts = [.. Enumerable.Range(0, batch.Samples).Select(sample =>
                SequenceLayout.Create([new Aperture.Sequences.Span(SpanKind.Generated, 1)], [request.NextPosition(sample)]))];
            request.Step++;
            using ForwardState state = decoder.Begin(request, DecoderPhase.Decode, layouts);
            using Tensor rows = decoder.Run(state, decoder.Embed([.. later.Select(ids => ids[step])]), CancellationToken.None);
            steps.Add(decoder.LastLogits(state, rows));
            for (int sample = 0; sample < batch.Samples; sample++)
            {
                request.Advance(sample, 1);
            }
        }

        using Tensor logits = stack(steps, 1); // [samples, steps, V]
        steps.ForEach(step => step.Dispose());
        golden.Compare("out.decode_logits", logits);
    }
}
