using Aperture.Decoding;
using Aperture.Golden.Tests.FitPrune;
using Aperture.Plugins.Eas;
using Aperture.Sequences;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Eas;

/// <summary>
/// A batch through the adapted decoder, then greedy decoding; un-merged as recorded, and merged in the low-rank form, which must give the same.
/// </summary>
public sealed class LlavaGenerateRunner : IGoldenRunner
{
    public string Area => "eas";

    public string Kind => "llava_eas_generate";

    public void Run(GoldenCase golden)
    {
        using IDisposable quiet = no_grad();
        using RecordedEasDecoder model = new(golden);
        foreach (MergeForm merge in new[] { MergeForm.Off, MergeForm.LowRank })
        {
            using DisposeScope scope = NewDisposeScope();
            using EasRouter router = model.Router(new EasSettings { Merge = merge });
            Generate(golden, model, router);
        }
    }

    private static void Generate(GoldenCase golden, RecordedEasDecoder model, EasRouter router)
    {
        Decoder decoder = model.Decoder;
        int layers = decoder.Info.Layers;
        Tensor embeddings = golden.Get("in.inputs_embeds"); // [samples, rows, d]
        int samples = (int)embeddings.size(0), rows = (int)embeddings.size(1), steps = (int)golden.Get("out.tokens").size(1);
        SequenceLayout[] prompts = RecordedEasDecoder.Layouts(Enumerable.Repeat(rows, samples));
        HookTable table = HookTableBuilder.Build(decoder.Info, [router]);
        using EasTrace trace = new();
        using RequestContext request = new(decoder.Info, prompts, table, trace, new KvCache(layers, samples, steps));
        using ForwardState prefill = decoder.Begin(request, DecoderPhase.Prefill, prompts);
        Tensor hidden = decoder.Run(prefill, embeddings.reshape(samples * rows, -1).clone(), CancellationToken.None);
        CompareLayers(golden, decoder, trace, 0, samples, rows);
        Tensor logits = decoder.Logits(hidden, samples * rows).view(samples, rows, -1);
        golden.Compare("out.prefill_logits", logits);
        for (int layer = 0; layer < layers; layer++)
        {
            golden.Compare($"mid.router_w_{layer}", trace["eas.router", layer]);
            if (router.Skipped.Contains(layer))
            {
                golden.Compare($"mid.pool_p_{layer}", trace["eas.pool", layer].unsqueeze(-1));
            }
        }

        List<Tensor> chosen = [], stepLogits = [];
        Tensor last = logits.select(1, rows - 1);
        for (int step = 0; ; step++)
        {
            stepLogits.Add(last);
            Tensor tokens = last.argmax(-1);
            chosen.Add(tokens);
            if (step + 1 == steps)
            {
                break;
            }

            request.Step = step + 1;
            using ForwardState state = decoder.Begin(
                request, DecoderPhase.Decode,
                [
                    .. Enumerable.Range(0, samples).Select(
                        sample => SequenceLayout.Create([new Aperture.Sequences.Span(SpanKind.Generated, 1)], [request.NextPosition(sample)])),
                ]);
            Tensor after = decoder.Run(state, decoder.Embed(tokens), CancellationToken.None);
            CompareLayers(golden, decoder, trace, step + 1, samples, 1);
            for (int sample = 0; sample < samples; sample++)
            {
                request.Advance(sample, 1);
            }

            last = decoder.LastLogits(state, after);
        }

        golden.CompareExact("out.tokens", stack(chosen, 1));
        golden.Compare("out.step_logits", stack(stepLogits, 1));
        golden.CompareExact("mid.cache_lengths", CaseNames.Whole(Enumerable.Range(0, layers).Select(layer => request.Cache!.Length(layer, 0))));
    }

    private static void CompareLayers(GoldenCase golden, Decoder decoder, EasTrace trace, int step, int samples, int rows)
    {
        for (int layer = 0; layer < decoder.Info.Layers; layer++)
        {
            string name = $"mid.step{step}.hidden_{layer}";
            if (golden.Has(name))
            {
                // What the official code gives for the last layer is behind the final norm.
                Tensor output = layer == decoder.Info.Layers - 1 ? decoder.FinalNorm(trace.Outputs[layer], samples * rows) : trace.Outputs[layer];
                golden.Compare(name, output.view(samples, rows, -1));
            }
        }
    }
}
