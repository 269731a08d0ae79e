using System.Text.RegularExpressions;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Training;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.GammaMod;

/// <summary>Routers that keep everything give the dense model; routers that keep nothing give the model without those layers.</summary>
public sealed partial class FullKeepFullSkipRunner : IGoldenRunner
{
    public string Area => "gamma-mod";

    public string Kind => "mod_full_keep_full_skip";

    public void Run(GoldenCase golden)
    {
        using IDisposable grad = no_grad();
        DecoderSpec config = RoutedDecoder.ConfigOf(golden);
        int[] layers = [.. golden.Config.GetProperty("mod_layers_idx").EnumerateArray().Select(value => value.GetInt32())];
        golden.Compare("out.dense.logits", Logits(golden, config, golden.Weights(), null, null, null));
        golden.Compare(
            "out.without_mod_layers.logits",
            Logits(golden, config with { Layers = config.Layers - layers.Length }, Without(golden.Weights(), layers), null, null, null));
        foreach (string which in new[] { "keep", "skip" })
        {
            ParameterSource routers = new(
                layers.ToDictionary(layer => $"model.layers.{layer}.router.weight", _ => golden.Get($"in.router_{which}")), ScalarType.Float32);
            CombinedWeights weights = new([golden.Weights(), routers], ownsSources: false);
            using RoutingTrace trace = new();
            List<int> lengths = [];

            golden.Compare($"out.{which}.logits", Logits(golden, config, weights, layers, trace, lengths));

            golden.Compare($"mid.{which}.router_prob", stack(layers.Select(layer => trace.Last("gamma-mod.probability", layer)), 0));
            golden.CompareExact($"mid.{which}.cache_lengths", RoutedDecoder.Whole(lengths));
        }
    }

    private static Tensor Logits(GoldenCase golden, DecoderSpec config, IWeightSource weights, int[]? layers, RoutingTrace? trace, List<int>? lengths)
    {
        using RoutedDecoder model = new(config, weights);
        using ILayerRouter? router = layers is null ? null : model.Router(golden.Config, layers);
        using Tensor embedded = model.Decoder.Embed(golden.Get("in.input_ids").flatten());
        int rows = (int)embedded.size(0);
        using RequestContext request = model.Request(RoutedDecoder.Text(rows), router, trace, 0);
        Tensor hidden = model.Prefill(request, embedded);
        lengths?.AddRange(Enumerable.Range(0, config.Layers).Select(layer => request.Cache!.Length(layer, 0)));
        return model.Decoder.Logits(hidden, rows).unsqueeze(0);
    }

    private static IWeightSource Without(IWeightSource weights, int[] layers) => weights.Rename(name =>
    {
        Match match = Layer().Match(name);
        if (!match.Success)
        {
            return name;
        }

        int layer = int.Parse(match.Groups[1].Value);
        return layers.Contains(layer) ? null : $"model.layers.{layer - layers.Count(left => left < layer)}.{match.Groups[2].Value}";
    });

    [GeneratedRegex(@"^model\.layers\.([0-9]+)\.(.*)$")]
    private static partial Regex Layer();
}
