namespace Aperture.Plugins.FitPrune.Tests;

/// <summary>The published recipes against numbers computed from them independently.</summary>
public sealed class OfficialRecipeTests
{
    [Fact]
    public void All_fourteen_published_recipes_and_a_zero_recipe_a_model_are_inside()
    {
        IReadOnlyList<Recipe> all = OfficialRecipes.All();

        Assert.Equal(14, all.Count(r => r.Delete.Any(k => k > 0)));
        Assert.Equal(3, all.Count(r => r.Delete.All(k => k == 0)));
        Assert.All(all, r => Assert.Equal("official", r.Source));
    }

    [Theory]
    [InlineData("llava-v1.5-7b/0", 0, 576)]
    [InlineData("llava-v1.5-7b/10", 66, 510)]
    [InlineData("llava-v1.5-7b/20", 149, 427)]
    [InlineData("llava-v1.5-7b/30", 264, 312)]
    [InlineData("llava-v1.5-7b/40", 336, 240)]
    [InlineData("llava-v1.5-7b/50", 403, 173)]
    [InlineData("llava-v1.5-7b/55", 424, 152)]
    [InlineData("llava-v1.5-7b/60", 449, 127)]
    [InlineData("llava-v1.5-7b/70", 488, 88)]
    [InlineData("llava-v1.5-7b/80", 514, 62)]
    [InlineData("llava-v1.5-7b/90", 539, 37)]
    [InlineData("llava-hr-7b/40", 579, 445)]
    [InlineData("llava-hr-7b/60", 773, 251)]
    [InlineData("llava-next-7b/40", 1512, 1368)]
    [InlineData("llava-next-7b/60", 2096, 784)]
    public void Deletions_sum_to_the_published_totals(string name, int deleted, int left)
    {
        Recipe recipe = Named(name);

        Assert.Equal(deleted, recipe.Delete.Sum());
        Assert.Equal(left, recipe.BaseVisualTokens - recipe.Delete.Sum());
    }

    [Theory]
    [InlineData(
        "llava-v1.5-7b/40",
        "576,575,554,541,527,516,475,422,393,378,364,359,358,354,349,348,322,321,308,280,274,247,245,244,244,244,243,242,240,240,240,240")]
    [InlineData(
        "llava-v1.5-7b/60",
        "562,529,440,404,368,348,293,272,254,250,243,238,236,231,224,220,194,189,178,154,150,132,130,129,129,129,128,128,127,127,127,127")]
    [InlineData(
        "llava-hr-7b/40",
        "1021,1021,930,861,827,778,708,673,672,660,629,618,618,615,613,613,612,612,611,609,601,515,515,486,486,476,475,470,470,462,445,445")]
    [InlineData(
        "llava-hr-7b/60",
        "982,981,774,654,590,517,441,417,416,411,393,388,388,388,387,386,381,381,379,375,359,281,280,267,267,261,261,259,259,256,251,251")]
    [InlineData(
        "llava-next-7b/40",
        "2873,2800,2638,2514,2395,2247,2116,1965,1860,1834,1804,1787,"
        + "1782,1763,1719,1709,1636,1576,1509,1448,1416,1377,1377,1374,1373,1368,1368,1368,1368,1368,1368,1368")]
    [InlineData(
        "llava-next-7b/60",
        "2782,2469,2190,1972,1771,1550,1383,1251,1188,1176,1165,1160,1159,1151,1125,1112,1029,972,916,858,834,792,792,790,789,784,784,784,784,784,784,784")]
    public void Tokens_left_after_each_layer_match(string name, string expected)
    {
        Recipe recipe = Named(name);

        Assert.Equal(expected, string.Join(",", Left(recipe)));
    }

    [Theory]
    [InlineData("llava-v1.5-7b/0", 3_817_152_184_320L, 0, 576, 576, 0, 0)]
    [InlineData("llava-v1.5-7b/10", 3_571_414_196_224L, 6.44, 539.09, 541.16, 5.84, 5.54)]
    [InlineData("llava-v1.5-7b/20", 3_231_363_047_424L, 15.35, 487.88, 492.53, 13.93, 13.22)]
    [InlineData("llava-v1.5-7b/30", 2_752_050_864_128L, 27.90, 415.28, 423.53, 25.32, 24.03)]
    [InlineData("llava-v1.5-7b/40", 2_334_287_618_048L, 38.85, 351.97, 362.47, 35.26, 33.46)]
    [InlineData("llava-v1.5-7b/50", 1_921_624_260_608L, 49.66, 289.22, 301.81, 45.07, 42.77)]
    [InlineData("llava-v1.5-7b/55", 1_736_639_594_496L, 54.50, 261.12, 274.38, 49.47, 46.95)]
    [InlineData("llava-v1.5-7b/60", 1_538_366_300_160L, 59.70, 230.94, 244.97, 54.19, 51.42)]
    [InlineData("llava-v1.5-7b/70", 1_155_762_274_304L, 69.72, 172.62, 187.88, 63.28, 60.06)]
    [InlineData("llava-v1.5-7b/80", 775_345_184_768L, 79.69, 114.53, 130.59, 72.33, 68.65)]
    [InlineData("llava-v1.5-7b/90", 394_004_226_048L, 89.68, 56.00, 72.84, 81.40, 77.25)]
    [InlineData("llava-hr-7b/0", 6_906_307_411_968L, 0, 1024, 1024, 0, 0)]
    [InlineData("llava-hr-7b/40", 4_223_723_012_096L, 38.84, 629.59, 647.69, 36.77, 35.66)]
    [InlineData("llava-hr-7b/60", 2_789_196_759_040L, 59.61, 415.03, 439.19, 56.43, 54.74)]
    [InlineData("llava-next-7b/0", 20_825_222_676_480L, 0, 2880, 2880, 0, 0)]
    [InlineData("llava-next-7b/40", 12_425_870_376_960L, 40.33, 1764.62, 1811.88, 39.58, 39.16)]
    [InlineData("llava-next-7b/60", 8_267_631_509_504L, 60.30, 1183.25, 1248.75, 59.18, 58.55)]
    public void Multiply_accumulates_match_exactly(
        string name, long macs, double reduction, double averageAfter, double averageEntering, double full25, double full60)
    {
        Recipe recipe = Named(name);
        int[] after = Left(recipe);
        double entering = after.Zip(recipe.Delete, (n, k) => n + k).Average();

        Assert.Equal(macs, ReferenceFlops.Pruned(recipe.Delete, recipe.BaseVisualTokens, 4096, 11008));
        Near(reduction, 100 * ReferenceFlops.VisualReduction(recipe));
        Near(averageAfter, after.Average());
        Near(averageEntering, entering);
        Near(full25, FullReduction(recipe, 35 + 25));
        Near(full60, FullReduction(recipe, 35 + 60));
    }

    [Fact]
    public void Unpruned_multiply_accumulates_match_exactly()
    {
        Assert.Equal(3_817_152_184_320L, ReferenceFlops.Unpruned(576, 32, 4096, 11008));
        Assert.Equal(4_224_775_618_560L, ReferenceFlops.Unpruned(35 + 576 + 25, 32, 4096, 11008));
        Assert.Equal(4_463_427_584_000L, ReferenceFlops.Unpruned(35 + 576 + 60, 32, 4096, 11008));
        Assert.Equal(7_328_023_707_648L, ReferenceFlops.Unpruned(35 + 1024 + 25, 32, 4096, 11008));
        Assert.Equal(21_305_323_683_840L, ReferenceFlops.Unpruned(35 + 2880 + 25, 32, 4096, 11008));
    }

    [Fact]
    public void Recipe_scales_by_truncation()
    {
        Recipe recipe = Named("llava-next-7b/60");

        Assert.Equal(recipe.Delete, recipe.ScaledTo(2880));
        Assert.Equal(recipe.Delete.Select(k => k * 1000 / 2880), recipe.ScaledTo(1000));
        Assert.Equal(recipe.Delete.Select(k => k * 2928 / 2880), recipe.ScaledTo(2928));
    }

    private static Recipe Named(string name) => OfficialRecipes.All().Single(r => OfficialRecipes.NameOf(r) == name);

    private static int[] Left(Recipe recipe)
    {
        int left = recipe.BaseVisualTokens;
        return [.. recipe.Delete.Select(k => left -= k)];
    }

    private static double FullReduction(Recipe recipe, int others)
        => 100 * (1 - (ReferenceFlops.Pruned(recipe.Delete, recipe.BaseVisualTokens, 4096, 11008, others)
            / (double)ReferenceFlops.Unpruned(recipe.BaseVisualTokens + others, 32, 4096, 11008)));

    private static void Near(double expected, double actual) => Assert.InRange(actual, expected - 0.00501, expected + 0.00501);
}
