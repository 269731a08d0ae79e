using Aperture.Decoding;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.GammaMod;

/// <summary>A prompt through the Mini-Gemini variant's decoder.</summary>
public sealed class MgmPrefillRunner : IGoldenRunner
{
    public string Area => "gamma-mod";

    public string Kind => "mgm_prefill";

    public void Run(GoldenCase golden)
    {
        using IDisposable grad = no_grad();
        int[] layers = [.. golden.Config.GetProperty("mod_layers_idx").EnumerateArray().Select(value => value.GetInt32())];
        using RoutedDecoder model = new(RoutedDecoder.ConfigOf(golden), golden.Weights());
        using ILayerRouter router = model.Router(golden.Config, layers);
        using RoutingTrace trace = new();
        Tensor embedded = model.Decoder.Embed(golden.Get("in.input_ids").flatten());
        int rows = (int)embedded.size(0);
        using RequestContext request = model.Request(RoutedDecoder.Text(rows), router, trace, 0);

        Tensor hidden = model.Prefill(request, embedded);

        int all = model.Decoder.Info.Layers;
        for (int layer = 0; layer < all; layer++)
        {
            Tensor output = layer < all - 1 ? trace.Last("output", layer) : model.Decoder.FinalNorm(hidden, rows);
            golden.Compare($"mid.hidden_{layer}", output.unsqueeze(0));
        }

        golden.Compare("mid.router_prob", stack(layers.Select(layer => trace.Last("gamma-mod.probability", layer)), 0));
        foreach (int layer in layers)
        {
            golden.CompareExact($"mid.selected_{layer}", trace.Last("gamma-mod.selected", layer));
        }

        golden.CompareExact("mid.cache_lengths", RoutedDecoder.Whole(Enumerable.Range(0, all).Select(layer => request.Cache!.Length(layer, 0))));
        golden.CompareExact("out.routed_tokens", RoutedDecoder.Whole(layers.Select(layer => rows - (int)trace.Last("gamma-mod.selected", layer).size(0))));
        golden.CompareExact("out.total_tokens", RoutedDecoder.Whole(layers.Select(layer => (int)trace.Last("gamma-mod.probability", layer).size(0))));
        golden.Compare("out.prefill_logits", model.Decoder.Logits(hidden, rows).unsqueeze(0));
    }
}
