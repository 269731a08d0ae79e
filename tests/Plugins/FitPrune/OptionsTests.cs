using Aperture.Decoding;
using Aperture.Models;
using Aperture.Pipelines;

namespace Aperture.Plugins.FitPrune.Tests;

public sealed class OptionsTests
{
    [Fact]
    public void Every_option_is_described_and_nothing_else()
    {
        string[] described = [.. new FitPruneFactory().Options.Select(o => o.Name).Order()];
        string[] known = [.. OptionsJson.Default.FitPruneOptions.Properties.Select(p => p.Name).Order()];

        Assert.Equal(known, described);
    }

    [Fact]
    public void Every_calibration_option_is_described_and_nothing_else()
    {
        string[] described = [.. new FitPruneFactory().CalibrationOptions.Select(o => o.Name).Order()];
        string[] known = [.. OptionsJson.Default.CalibrationOptions.Properties.Select(p => p.Name).Order()];

        Assert.Equal(known, described);
    }

    [Theory]
    [InlineData("{}", 449)]
    [InlineData("""{"Reduction":0.6}""", 449)]
    [InlineData("""{"reduction":0.55}""", 424)]
    [InlineData("""{"ReductionRatio":90}""", 539)]
    [InlineData("""{"Reduction":0}""", 0)]
    [InlineData("""{"Recipe":"official:llava-v1.5-7b/10"}""", 66)]
    [InlineData("""{"Recipe":"LLaVA-v1.5-7b/10"}""", 66)]
    [InlineData("""{"Recipe":"llava-hr-7b/40"}""", 579)]
    [InlineData("""{"Recipe":"{0: 14, 31: 3}"}""", 17)]
    [InlineData("""{"Recipe":[1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,4]}""", 5)]
    public void Options_choose_a_recipe(string options, int deleted)
    {
        using TestFiles files = new();

        using FitPruneReducer reducer = (FitPruneReducer)new FitPruneFactory().Create(TestFiles.Json(options), TestFiles.Llava7B, files);

        Assert.Equal(deleted, reducer.Recipe.Delete.Sum());
    }

    [Theory]
    [InlineData(1024, "llava-hr-7b")]
    [InlineData(2880, "llava-next-7b")]
    [InlineData(0, "llava-next-7b")]
    public void Official_recipes_are_found_by_the_decoders_sizes(int visualTokens, string model)
    {
        using TestFiles files = new();

        Recipe recipe = RecipeLookup.Find(new FitPruneOptions(), TestFiles.Llava7B with { VisualTokens = visualTokens }, files);

        Assert.Equal(model, recipe.Model);
    }

    [Fact]
    public void Recipe_beside_the_model_goes_before_the_official_one()
    {
        using TestFiles files = new();
        Recipe own = Recipe.Zero(32, 576) with { Model = "own", Delete = [5, .. new int[31]] };
        RecipeFile.Write(Path.Combine(files.Folder, "fitprune", "60.fitprune.json"), own);

        Recipe found = RecipeLookup.Find(new FitPruneOptions { Reduction = 0.6 }, TestFiles.Llava7B, files);

        Assert.Equal(own.Delete, found.Delete);
    }

    [Theory]
    [InlineData("""{"Reduction":1.0}""", "Reduction is 1; give a fraction from 0 to below 1, such as 0.6.")]
    [InlineData("""{"Reduction":-0.1}""", "Reduction is -0.1")]
    [InlineData("""{"ReductionRatio":100}""", "ReductionRatio is 100")]
    [InlineData("""{"Reduction":0.6,"ReductionRatio":60}""", "give only one of Recipe, Reduction and ReductionRatio.")]
    [InlineData("""{"ScoreDType":"fp8"}""", "ScoreDType is 'fp8'; it can be fp32, compute.")]
    [InlineData("""{"HeadReduce":"min"}""", "HeadReduce is 'min'; it can be max, mean.")]
    [InlineData("""{"ScoreMode":"best"}""", "ScoreMode is 'best'; it can be product, cross-only, self-only, sum.")]
    [InlineData("""{"MinVisualTokens":-1}""", "MinVisualTokens is -1; give 0 or more.")]
    [InlineData("""{"MinVisualTokens":577}""", "MinVisualTokens is 577, but llava-1.5-7b has 576 visual tokens")]
    [InlineData("""{"RowBlock":0}""", "RowBlock is 0")]
    [InlineData("""{"ReductionRatio":35}""", "llava-1.5-7b has no recipe of 35 %; there are 0, 10, 20, 30, 40, 50, 55, 60, 70, 80, 90, or fit one.")]
    [InlineData("""{"Recipe":"official:llava-v1.5-7b/35"}""", "there is no official recipe 'llava-v1.5-7b/35'; there are llava-v1.5-7b/0,")]
    [InlineData("""{"Recipe":"missing.json"}""", "There is no file 'missing.json'.")]
    [InlineData("""{"Recipe":[1,2]}""", "the given recipe has 2 layers but llava-1.5-7b has 32")]
    [InlineData("""{"Recipe":[-1]}""", "the given recipe deletes -1 tokens in layer 0")]
    [InlineData("""{"Recipe":[1.5]}""", "Recipe has the entry 1.5")]
    [InlineData("""{"Recipe":7}""", "Recipe must be a name, a file or a list of deletions per layer, not 7.")]
    [InlineData("""{"Keep":0.4}""", "unknown option 'Keep'")]
    [InlineData("""{"Reduction":"much"}""", "option Reduction must be a number")]
    public void Wrong_options_are_refused_in_one_line(string options, string message)
    {
        using TestFiles files = new();

        ApertureException error = Assert.Throws<ApertureException>(() => new FitPruneFactory().Create(TestFiles.Json(options), TestFiles.Llava7B, files));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_model_without_any_recipe_is_told_to_fit_one()
    {
        using TestFiles files = new();
        DecoderInfo other = TestFiles.Llava7B with { Model = "llava-13b", Layers = 40 };

        ApertureException error = Assert.Throws<ApertureException>(() => RecipeLookup.Find(new FitPruneOptions(), other, files));

        Assert.Contains("llava-13b has no recipe of 60 %; fit one for this model", error.Message, StringComparison.Ordinal);
    }
}
