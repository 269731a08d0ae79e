using System.Text.Json;
using Aperture.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.InstDiffEdit;

/// <summary>
/// Attention maps of two passes for one and two samples: which there are, their running means, and the mean over attentions, samples and heads.
/// </summary>
public sealed class AttentionStoreRunner : IGoldenRunner
{
    private const int MostStored = 32 * 32; // places of the maps that the published code keeps

    public string Area => DiffusionCase.AreaName;

    public string Kind => "attention_store";

    public void Run(GoldenCase golden)
    {
        using IDisposable quiet = no_grad();
        using UNet unet = DiffusionCase.UNet(golden);
        double[] times = DiffusionCase.Numbers(golden.Config.GetProperty("timesteps"));
        foreach (JsonElement one in golden.Config.GetProperty("cases").EnumerateArray())
        {
            Check(golden, unet, one, times);
        }
    }

    private static void Check(GoldenCase golden, UNet unet, JsonElement one, double[] times)
    {
        int batch = one.GetProperty("batch").GetInt32();
        Assert.Equal(one.GetProperty("layers").GetInt32(), unet.Attentions);
        Dictionary<int, AttentionSite> sites = [];
        Dictionary<(int Height, int Width), AttentionAverage> bySize = [];
        Dictionary<int, long[]> shapes = [];
        for (int pass = 0; pass < times.Length; pass++)
        {
            HashSet<(int, int)> begun = [];
            AttentionCapture capture = new(
                site => site.Height * site.Width <= MostStored,
                (site, probabilities) =>
                {
                    sites[site.Index] = site;
                    shapes[site.Index] = probabilities.shape;
                    Place(bySize, begun, site).Add(site.Index, probabilities, 0, 0, site.Height, site.Width);
                },
                firstSample: batch);
            Tensor sample = golden.Get($"in.sample.b{batch}.{pass}"), text = golden.Get($"in.text.b{batch}");
            Tensor seen = unet.Run(sample, times[pass], text, capture);
            golden.Compare($"out.sample.b{batch}.{pass}", seen);
            Assert.True(seen.Equals(unet.Run(sample, times[pass], text)), "looking at attention changes the result");
            CompareMeans(golden, unet, $"b{batch}.{pass}", (sample, text, times), pass, batch);
        }

        CheckStored(one.GetProperty("stored"), sites.Values, shapes);
        CompareAverages(golden, sites.Values, bySize, $"b{batch}");
        foreach (AttentionAverage average in bySize.Values)
        {
            average.Dispose();
        }
    }

    private static AttentionAverage Place(
        Dictionary<(int Height, int Width), AttentionAverage> bySize, HashSet<(int, int)> begun, AttentionSite site)
    {
        if (!bySize.TryGetValue((site.Height, site.Width), out AttentionAverage? average))
        {
            average = new AttentionAverage(site.Height, site.Width);
            bySize.Add((site.Height, site.Width), average);
        }

        // One self-attention and one attention to words share the size, but not the number of columns: each has sums of its own.
        if (begun.Add((site.Height, site.Width)))
        {
            average.BeginPass(0, 0, site.Height, site.Width);
        }

        return average;
    }

    // The mean maps after each pass, for every size that was recorded, through an average that sees only those.
    private static void CompareMeans(
        GoldenCase golden, UNet unet, string name, (Tensor Sample, Tensor Text, double[] Times) on, int pass, int batch)
    {
        foreach (string recorded in golden.Names.Where(key => key.StartsWith($"out.maps.{name}.res", StringComparison.Ordinal)))
        {
            int side = int.Parse(recorded[(recorded.LastIndexOf("res", StringComparison.Ordinal) + 3)..]);
            using AttentionAverage average = new(side, side);
            for (int earlier = 0; earlier <= pass; earlier++)
            {
                average.BeginPass(0, 0, side, side);
                AttentionCapture capture = new(
                    site => site.IsCross && site.Place != UNetPlace.Mid && site.Height == side && site.Width == side,
                    (site, probabilities) => average.Add(site.Index, probabilities, 0, 0, side, side),
                    firstSample: batch);
                unet.Run(golden.Get($"in.sample.b{batch}.{earlier}"), on.Times[earlier], on.Text, capture).Dispose();
            }

            golden.Compare(recorded, average.Mean());
        }
    }

    // The lists of shapes by place and kind, in the order in which they run.
    private static void CheckStored(JsonElement stored, IEnumerable<AttentionSite> sites, Dictionary<int, long[]> shapes)
    {
        foreach (JsonProperty list in stored.EnumerateObject())
        {
            long[][] expected = [.. list.Value.EnumerateArray().Select(shape => shape.EnumerateArray().Select(size => size.GetInt64()).ToArray())];
            Assert.Equal(expected, Of(sites, list.Name).Select(site => shapes[site.Index]));
        }
    }

    private static void CompareAverages(
        GoldenCase golden, IEnumerable<AttentionSite> sites, Dictionary<(int Height, int Width), AttentionAverage> bySize, string batch)
    {
        string[] lists = ["down_cross", "mid_cross", "up_cross", "down_self", "mid_self", "up_self"];
        foreach (string list in lists)
        {
            AttentionSite[] own = [.. Of(sites, list)];
            for (int i = 0; i < own.Length; i++)
            {
                foreach (string name in new[] { $"mid.average.{list}.{batch}.{i}", $"mid.average.{list}.{batch}" })
                {
                    if (golden.Has(name))
                    {
                        golden.Compare(name, bySize[(own[i].Height, own[i].Width)].Of(own[i].Index));
                    }
                }
            }
        }
    }

    private static IEnumerable<AttentionSite> Of(IEnumerable<AttentionSite> sites, string list)
    {
        string[] parts = list.Split('_');
        return sites.Where(site => site.Place == Enum.Parse<UNetPlace>(parts[0], ignoreCase: true) && site.IsCross == (parts[1] == "cross"))
            .OrderBy(site => site.Index);
    }
}
