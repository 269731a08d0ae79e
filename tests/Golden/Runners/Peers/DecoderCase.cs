using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Golden.Tests.BaseModels;
using Aperture.Models;
using Aperture.Tasks;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Peers;

/// <summary>
/// The decoder's part of an end-to-end case: from the recorded rows (text embeddings and visual tokens) through every layer to the logits, and greedy tokens
/// with the cache.
/// </summary>
internal static class DecoderCase
{
    /// <summary>Runs and compares.</summary>
    /// <param name="golden">The case.</param>
    /// <param name="recorded">Its decoder.</param>
    /// <param name="batch">Its prompts, with their positions.</param>
    /// <param name="isText">Whether a packed row is a token's embedding.</param>
    public static void Compare(GoldenCase golden, RecordedDecoder recorded, PaddedBatch batch, Func<int, bool> isText)
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        Decoder decoder = recorded.Decoder;
        Tensor rows = Rows(golden, decoder, batch, isText);
        using (RecordingTrace trace = new())
        using (RequestContext request = new(decoder.Info, batch.Layouts, null, trace, new KvCache(decoder.Spec.Layers, batch.Samples, 2)))
        using (ForwardState state = decoder.Begin(request, DecoderPhase.Prefill, batch.Layouts))
        {
            Tensor last = decoder.Run(state, rows.clone(), CancellationToken.None);
            ComparePacked(golden, batch, "out.logits", decoder.Logits(last, state.Rows));
            ComparePacked(golden, batch, "mid.final_norm", decoder.FinalNorm(last, state.Rows));
            for (int layer = 0; layer < decoder.Spec.Layers; layer++)
            {
                int current = layer;
                ComparePacked(golden, batch, $"mid.layer.{layer}", layer + 1 < decoder.Spec.Layers ? trace.Inputs[layer + 1] : last);
                CompareHeads(golden, batch, $"mid.attention.{layer}", sample => trace.Attentions[(current, sample)]);
                CompareHeads(golden, batch, $"mid.cache_k.{layer}", sample => trace.Caches[(current, sample)].Keys);
                CompareHeads(golden, batch, $"mid.cache_v.{layer}", sample => trace.Caches[(current, sample)].Values);
            }
        }

        CompareGreedy(golden, decoder, batch, rows);
    }

    /// <summary>Excuses tensors of the vision part where the case has them.</summary>
    /// <param name="golden">The case.</param>
    /// <param name="starts">What their names start with.</param>
    public static void ExcuseVision(GoldenCase golden, params string[] starts)
    {
        foreach (string name in golden.Names.Where(name => starts.Any(start => name.StartsWith(start, StringComparison.Ordinal))).ToList())
        {
            golden.NotCompared(name, "belongs to the vision tower; the decoder starts at the recorded rows");
        }
    }

    // The recorded rows; those of text are computed here and compared.
    private static Tensor Rows(GoldenCase golden, Decoder decoder, PaddedBatch batch, Func<int, bool> isText)
    {
        Tensor stored = golden.Get("mid.inputs_embeds"), packed = batch.Pack(stored);
        long[] text = [.. Enumerable.Range(0, batch.PackedIds.Length).Where(isText).Select(row => (long)row)];
        Tensor embedded = decoder.Embed([.. text.Select(row => batch.PackedIds[row])]);
        Tensor rows = packed.index_copy(0, tensor(text), embedded);
        ComparePacked(golden, batch, "mid.inputs_embeds", rows);
        return rows;
    }

    private static void ComparePacked(GoldenCase golden, PaddedBatch batch, string name, Tensor packed)
    {
        if (golden.Has(name))
        {
            golden.Compare(name, batch.Fill(golden.Get(name), packed));
        }
    }

    private static void CompareHeads(GoldenCase golden, PaddedBatch batch, string name, Func<int, Tensor> ofSample)
    {
        if (golden.Has(name))
        {
            Tensor filled = golden.Get(name).clone();
            for (int sample = 0; sample < batch.Samples; sample++)
            {
                batch.FillHeads(filled, sample, ofSample(sample));
            }

            golden.Compare(name, filled);
        }
    }

    private static void CompareGreedy(GoldenCase golden, Decoder decoder, PaddedBatch batch, Tensor rows)
    {
        GenerationResult result = new TokenGenerator(decoder).Generate(
            new GenerationInput(rows.clone(), batch.Layouts),
            new GenerationOptions { MaxNewTokens = (int)golden.Get("out.greedy").size(1) },
            new GenerationControl { KeepLogits = true });
        golden.CompareExact("out.greedy", stack([.. result.Sequences.Select(sequence => tensor([.. sequence.Tokens.Select(token => (long)token)]))], 0));
        golden.Compare("out.greedy_logits", stack([.. result.Sequences.Select(sequence => stack([.. sequence.Logits!.Select(step => tensor(step))], 0))], 0));
    }
}
