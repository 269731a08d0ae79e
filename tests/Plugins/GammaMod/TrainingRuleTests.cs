using Aperture.Plugins.GammaMod.Training;
using Aperture.Sequences;
using CsCheck;

namespace Aperture.Plugins.GammaMod.Tests;

public sealed class TrainingRuleTests
{
    [Fact]
    public void Everything_behind_the_prefix_runs_and_a_share_of_the_prefix_does()
        => Gen.Select(Gen.Int[1, 60], Gen.Int[1, 40], Gen.Double[0, 0.99], Gen.Float.Unit.Array[100]).Sample((prefix, rest, ratio, values) =>
        {
            TrainingRule rule = new() { SkipRatio = ratio, PrefixLength = prefix };
            int rows = prefix + rest;

            int[] chosen = rule.Choose(RoutedModel.Prompt(0, 0, rows), values.AsSpan(0, rows), null);

            int[] inPrefix = [.. chosen.Where(row => row < prefix)];
            Assert.Equal(rest, chosen.Length - inPrefix.Length);
            Assert.InRange(inPrefix.Length, (prefix * (1 - ratio)) - 1e-9, (prefix * (1 - ratio)) + 1 + 1e-9);
            float lowest = inPrefix.Length == 0 ? float.MaxValue : inPrefix.Min(row => values[row]);
            Assert.All(Enumerable.Range(0, prefix).Except(inPrefix), row => Assert.True(values[row] <= lowest));
        }, iter: 300);

    [Fact]
    public void The_prefix_ends_with_the_image()
    {
        float[] values = [.. Enumerable.Range(0, 30).Select(row => row / 100f)];

        int[] chosen = new TrainingRule().Choose(RoutedModel.Prompt(4, 20, 6), values, null);

        Assert.Equal(Enumerable.Range(12, 18), chosen); // 24 rows of prefix, the upper half of them and all that follows
        TrainingRule miniGemini = new() { MiniGemini = true };
        Assert.Equal(miniGemini.Capacity(30, 20), miniGemini.Choose(RoutedModel.Prompt(4, 20, 6), values, null).Length);
    }

    [Fact]
    public void Without_an_image_all_rows_run()
        => Assert.Equal(9, new TrainingRule().Choose(RoutedModel.Prompt(0, 0, 9), new float[9], null).Length);

    [Fact]
    public void Short_sequences_run_half_in_the_Mini_Gemini_variant_unlabelled_rows_first()
    {
        float[] values = [0.9f, 0.1f, 0.8f, 0.2f, 0.7f, 0.3f, 0.6f];
        long[] labels = [-100, -100, -100, 5, 6, 7, 8];
        TrainingRule rule = new() { MiniGemini = true, PrefixLength = 100 };

        Assert.Equal([0, 1, 2, 4], rule.Choose(RoutedModel.Prompt(0, 0, 7), values, labels));
        Assert.Equal([0, 2, 4, 6], rule.Choose(RoutedModel.Prompt(0, 0, 7), values, null));
    }
}
