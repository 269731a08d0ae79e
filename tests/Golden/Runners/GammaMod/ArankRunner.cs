using System.Globalization;
using Aperture.Plugins.GammaMod.Calibration;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.GammaMod;

/// <summary>Ranks of attention maps, their means, and the layers chosen by them.</summary>
public sealed class ArankRunner : IGoldenRunner
{
    public string Area => "gamma-mod";

    public string Kind => "arank";

    public void Run(GoldenCase golden)
    {
        int layers = golden.Config.GetProperty("layers").GetInt32(), samples = golden.Config.GetProperty("samples").GetInt32();
        double[] means = new double[layers];
        List<float> printed = [];
        for (int sample = 0; sample < samples; sample++)
        {
            Tensor maps = golden.Get($"in.attn_{sample}"); // [layers, heads, rows, rows]
            int[][] ranks = [.. Enumerable.Range(0, layers).Select(layer => AttentionRank.OfHeads(maps[layer]))];
            golden.CompareExact($"mid.head_rank_{sample}", RoutedDecoder.Whole(ranks.SelectMany(heads => heads), layers, ranks[0].Length));
            for (int layer = 0; layer < layers; layer++)
            {
                double mean = AttentionRank.OfLayer(maps[layer]);
                means[layer] += mean / samples;
                printed.Add((float)mean);
            }
        }

        golden.Compare("out.arank_per_sample", tensor(printed.ToArray(), [samples, layers]));
        golden.Compare("out.arank", tensor(Array.ConvertAll(means, mean => (float)mean)), 1e-6);
        golden.CompareExact("out.order_ascending", RoutedDecoder.Whole(LayerSelection.Order(means)));
        golden.CompareExact("out.mod_layers_threshold", RoutedDecoder.Whole(LayerSelection.Below(means, golden.Config.GetProperty("threshold").GetDouble())));
        const string Kept = "out.mod_layers_keep_dense_";
        foreach (string name in golden.Names.Where(name => name.StartsWith(Kept, StringComparison.Ordinal)))
        {
            golden.CompareExact(name, RoutedDecoder.Whole(LayerSelection.AllBut(means, int.Parse(name[Kept.Length..], CultureInfo.InvariantCulture))));
        }
    }
}
