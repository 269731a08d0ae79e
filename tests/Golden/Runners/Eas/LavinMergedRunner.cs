using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Plugins.Eas;
using Aperture.Plugins.Eas.Adapters;
using Aperture.Tasks;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Eas;

/// <summary>LaVIN-EAS of one sequence, un-merged, merged with the published code's bias and merged with the right one.</summary>
public sealed class LavinMergedRunner : IGoldenRunner
{
    public string Area => "eas";

    public string Kind => "lavin_eas_merged";

    public void Run(GoldenCase golden)
    {
        using RecordedLavin recorded = new(golden);
        Generate(golden, recorded, "unmerged", ("Merge", "Off"), ("DecodePool", "Self"));
        foreach (string merge in new[] { "LowRank", "Full" })
        {
            Generate(golden, recorded, "correct_merge", ("Merge", merge));
            Generate(golden, recorded, "official_merge", ("Merge", merge), ("OfficialRepBias", true));
        }
    }

    private static void Generate(GoldenCase golden, RecordedLavin recorded, string variant, params (string Name, object Value)[] options)
    {
        using DisposeScope scope = NewDisposeScope();
        using EasRouter method = (EasRouter)recorded.Method(options);
        using LavinTrace trace = new();
        IReadOnlyList<GeneratedSequence> sequences = LavinRun.Greedy(golden, recorded, method, trace);
        LavinRun.CompareTokens(golden, $"out.{variant}.tokens", RecordedLavin.Rows(golden.Get("in.prompt_ids")), sequences);
        golden.Compare($"out.{variant}.step_logits", LavinRun.Logits(sequences));
        LavinRun.CompareLayers(golden, $"mid.{variant}.", trace);
        foreach (string step in new[] { "prefill", "decode1" }.Where(step => golden.Has($"mid.{variant}.{step}.input")))
        {
            golden.Compare($"mid.{variant}.{step}.input", trace.Input(step == "prefill" ? 0 : 1));
        }

        CompareMatrices(golden, method, trace, variant);
    }

    // The affine maps of adapters, times the gain where the second norm is passed over, and the linear layers they are merged into: those of the file, in its
    // row order.
    private static void CompareMatrices(GoldenCase golden, EasRouter method, LavinTrace trace, string variant)
    {
        IWeightSource weights = golden.Weights();
        bool official = variant == "official_merge";
        for (int layer = 0; layer < golden.Config.GetProperty("n_layers").GetInt32(); layer++)
        {
            string prefix = $"mid.{variant}.layer_{layer}.";
            if (!golden.Names.Any(name => name.StartsWith(prefix, StringComparison.Ordinal)))
            {
                continue;
            }

            bool skipped = method.Skipped.Contains(layer);
            Tensor router = trace.Value("eas.router", layer)![0];
            Tensor? gain = skipped ? weights.Load($"layers.{layer}.ffn_norm.weight") : null;
            using AffineAdapter affine = skipped
                ? method.Adapters.Propagation[layer]!.Affine(router, trace.Value("eas.pool", layer)![0])
                : method.Adapters.Ordinary[layer]!.Affine(router);
            string suffix = skipped ? "_times_gain" : "", part = skipped ? "feed_forward" : "attention";
            golden.Compare($"{prefix}rep_matrix{suffix}", gain is null ? affine.Matrix() : affine.Matrix().mul(gain.unsqueeze(1)));
            golden.Compare($"{prefix}rep_bias{suffix}", gain is null ? affine.Bias : affine.Bias.mul(gain));
            foreach (string linear in (skipped ? ["w1", "w3"] : (string[])["wq", "wk", "wv"]))
            {
                WeightDelta merged = affine.MergeInto(weights.Load($"layers.{layer}.{part}.{linear}.weight"), gain, dense: true, official);
                golden.Compare($"{prefix}{linear}.bias", merged.Bias!);
                if (golden.Has($"{prefix}{linear}.weight"))
                {
                    golden.Compare($"{prefix}{linear}.weight", merged.Full!);
                }
            }
        }
    }
}
