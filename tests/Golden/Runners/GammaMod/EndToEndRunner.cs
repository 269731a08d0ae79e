using Aperture.Decoding;
using Aperture.Golden.Tests.BaseModels;
using Aperture.Models;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.GammaMod;

/// <summary>From a picture to an answer.</summary>
public sealed class EndToEndRunner : IGoldenRunner
{
    public string Area => "gamma-mod";

    public string Kind => "mod_llava_e2e";

    public void Run(GoldenCase golden)
    {
        using IDisposable grad = no_grad();
        int[] layers = RecordedModel.Layers(golden);
        using Model model = RecordedModel.Open(golden, golden.Weights());
        Decoder decoder = model.Decoder;
        int all = decoder.Info.Layers;
        using ILayerRouter router = RoutedDecoder.Router(golden.Config, layers, decoder.Info, model.Checkpoint);
        IReadOnlyList<VisionFeatures> features = RecordedLlava.Encode(model, golden.Get("in.images"));
        golden.Compare("mid.vision_features", features[0].Tokens.unsqueeze(0));
        using VisualTokens image = model.Projector.Project(features[0]);
        golden.Compare("mid.image_embeds", image.Rows.unsqueeze(0));
        using PackedPrompt prompt = RecordedLlava.Assemble(model, PaddedBatch.Rows(golden.Get("in.input_ids")), [image], 1)[0];
        golden.Compare("mid.prefill.inputs_embeds", prompt.Rows.unsqueeze(0));
        using RoutingTrace trace = new();
        long[] recorded = golden.Get("out.tokens").data<long>().ToArray();
        using RequestContext request = new(
            decoder.Info, [prompt.Layout], HookTableBuilder.Build(decoder.Info, [router]), trace, new KvCache(all, 1, recorded.Length));

        using ForwardState state = decoder.Begin(request, DecoderPhase.Prefill, [prompt.Layout]);
        Tensor hidden = decoder.Run(state, prompt.Rows.clone(), CancellationToken.None);

        for (int layer = 0; layer < all - 1; layer++)
        {
            golden.Compare($"mid.prefill.hidden_after_layer_{layer}", trace.Last("output", layer).unsqueeze(0));
        }

        golden.Compare("mid.prefill.final_norm_output", decoder.FinalNorm(hidden, state.Rows).unsqueeze(0));
        golden.Compare("mid.prefill.router_prob", stack(layers.Select(layer => trace.Last("gamma-mod.probability", layer)), 0));
        foreach (int layer in layers)
        {
            golden.CompareExact($"mid.prefill.selected_{layer}", trace.Last("gamma-mod.selected", layer));
        }

        golden.Compare("out.prefill_logits", decoder.Logits(hidden, state.Rows).unsqueeze(0));
        Decode(golden, decoder, request, trace, decoder.LastLogits(state, hidden), recorded.Length);
    }

    private static void Decode(GoldenCase golden, Decoder decoder, RequestContext request, RoutingTrace trace, Tensor last, int count)
    {
        int all = decoder.Info.Layers;
        List<int> lengths = [.. Enumerable.Range(0, all).Select(layer => request.Cache!.Length(layer, 0))], tokens = [];
        List<Tensor> logits = [last];
        for (int step = 1; step < count; step++)
        {
            tokens.Add((int)logits[^1].argmax(-1).item<long>());
            logits.Add(decoder.Logits(RoutedDecoder.Decode(decoder, request, decoder.Embed([tokens[^1]])), 1));
            lengths.AddRange(Enumerable.Range(0, all).Select(layer => request.Cache!.Length(layer, 0)));
        }

        tokens.Add((int)logits[^1].argmax(-1).item<long>());
        golden.CompareExact("out.tokens", RoutedDecoder.Whole(tokens));
        golden.Compare("out.step_logits", cat(logits, 0));
        golden.CompareExact("mid.cache_lengths", RoutedDecoder.Whole(lengths, count, all));
        int[] layers = RecordedModel.Layers(golden);
        golden.Compare(
            "mid.decode.router_prob",
            stack(Enumerable.Range(1, count - 1).Select(step => cat([.. layers.Select(layer => trace.All("gamma-mod.probability", layer)[step])], 0)), 0));
        for (int layer = 0; layer < all; layer++)
        {
            golden.Compare($"mid.final_cache_k_{layer}", trace.Last("k", layer));
            golden.Compare($"mid.final_cache_v_{layer}", trace.Last("v", layer));
        }
    }
}
