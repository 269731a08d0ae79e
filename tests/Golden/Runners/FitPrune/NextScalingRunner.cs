using Aperture.Plugins.FitPrune;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.FitPrune;

/// <summary>Recipes scaled to other numbers of visual tokens.</summary>
public sealed class NextScalingRunner : IGoldenRunner
{
    public string Area => "fitprune";

    public string Kind => "next_scaling";

    public void Run(GoldenCase golden)
    {
        long[] tokens = golden.Get("in.visual_tokens").data<long>().ToArray();
        int[] ratios = golden.Numbers("in.recipe");
        Assert.NotEmpty(ratios);
        foreach (int ratio in ratios)
        {
            int[] delete = [.. golden.Get($"in.recipe.{ratio}").data<long>().ToArray().Select(k => (int)k)];
            Recipe recipe = new() { Layers = delete.Length, Delete = delete, BaseVisualTokens = golden.Config.Int("base_visual_tokens") };

            using Tensor scaled = CaseNames.Whole(tokens.SelectMany(n => recipe.Checked().ScaledTo((int)n)), tokens.Length, delete.Length);

            golden.CompareExact($"out.scaled.{ratio}", scaled);
        }
    }
}
