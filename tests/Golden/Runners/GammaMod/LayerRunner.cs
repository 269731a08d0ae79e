using System.Text.Json;
using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Plugins.GammaMod;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Golden.Tests.GammaMod;

/// <summary>One MoD layer: a prompt, then decoded rows of which some skip.</summary>
public sealed class LayerRunner : IGoldenRunner
{
    public string Area => "gamma-mod";

    public string Kind => "mod_layer";

    public void Run(GoldenCase golden)
    {
        using IDisposable grad = no_grad();
        (DecoderSpec config, Dictionary<string, Tensor> weights) = RoutedDecoder.OneLayer(golden);
        using RoutedDecoder model = RoutedDecoder.Of(config, weights);
        using ILayerRouter router = model.Router(golden.Config, [0]);
        using RoutingTrace trace = new(attention: true);
        Tensor hidden = golden.Get("in.hidden").squeeze(0);
        int steps = golden.Meta.GetProperty("decode_skipped").GetArrayLength();
        using RequestContext request = model.Request(RoutedDecoder.Text((int)hidden.size(0)), router, trace, steps);

        Tensor output = model.Prefill(request, hidden);

        Tensor normed = model.Ops.RmsNorm(hidden, weights["model.layers.0.input_layernorm.weight"], config.NormEpsilon, (int)hidden.size(0), config.HiddenSize);
        using RouterWeights routers = RouterWeights.Trained([0], weights["model.layers.0.router.weight"]);
        golden.Compare("mid.router_logits", routers.Logits(0, normed).unsqueeze(0));
        golden.Compare("mid.router_prob", trace.Last("gamma-mod.probability", 0).unsqueeze(0));
        golden.CompareExact("mid.selected", trace.Last("gamma-mod.selected", 0));
        golden.Compare("mid.attention_probs", trace.Last("attention", 0));
        golden.Compare("mid.cache_k", trace.Last("k", 0));
        golden.Compare("mid.cache_v", trace.Last("v", 0));
        golden.Compare("mid.attention_output", Attended(trace, config, weights["model.layers.0.self_attn.o_proj.weight"]));
        golden.Compare("out.hidden", output.unsqueeze(0));
        Decode(golden, model, request, trace);
    }

    private static void Decode(GoldenCase golden, RoutedDecoder model, RequestContext request, RoutingTrace trace)
    {
        int step = 0;
        foreach (bool skipped in golden.Meta.GetProperty("decode_skipped").EnumerateArray().Select(value => value.GetBoolean()))
        {
            Tensor row = golden.Get($"in.decode_{step}").squeeze(0);
            Tensor after = model.Decode(request, row);
            string name = $"decode_{step++}";
            golden.Compare($"mid.{name}.router_prob", trace.Last("gamma-mod.probability", 0).unsqueeze(0));
            golden.CompareExact($"mid.{name}.cache_length", tensor((long)request.Cache!.Length(0, 0)));
            (Tensor keys, _) = request.Cache[0, 0].View();
            golden.Compare($"mid.{name}.cache_k", keys.narrow(1, keys.size(1) - 1, 1).unsqueeze(0));
            golden.Compare($"out.{name}", after.unsqueeze(0), skipped ? 0 : null);
            Assert.Equal(skipped, after.eq(row).all().item<bool>());
        }
    }

    // What attention and output projection add, from the layer's own map and values.
    private static Tensor Attended(RoutingTrace trace, DecoderSpec config, Tensor projection)
    {
        // [1, heads, rows, head]
        Tensor map = trace.Last("attention", 0), values = trace.Last("v", 0).repeat_interleave(config.Heads / config.KeyValueHeads, 1);
        Tensor rows = map.matmul(values).transpose(1, 2).reshape(1, map.size(2), config.Heads * config.HeadSize);
        return F.linear(rows, projection);
    }
}
