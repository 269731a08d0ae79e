using Aperture.Pipelines;

namespace Aperture.Plugins.FitPrune.Tests;

public sealed class RecipeFileTests
{
    [Fact]
    public void Written_recipe_reads_back_the_same()
    {
        using TestFiles files = new();
        string path = Path.Combine(files.Folder, "deep", "folder", "r.fitprune.json");
        Recipe recipe = OfficialRecipes.All()[7] with { Alpha = 0.171875, Samples = 66, Strict = true, Source = "calibrated" };

        RecipeFile.Write(path, recipe);
        Recipe read = RecipeFile.Read(path);

        Assert.Equal(recipe.Delete, read.Delete);
        Assert.Equal(recipe with { Delete = read.Delete, Origin = read.Origin }, read);
        Assert.Single(Directory.EnumerateFiles(Path.GetDirectoryName(path)!));
    }

    [Fact]
    public void Documented_form_is_read()
    {
        using TestFiles files = new();
        string path = files.Write("r.json", """
            { "format":"fitprune-recipe", "version":1, "model":"m", "layers":3, "baseVisualTokens":10, "hidden":4, "intermediate":8,
              "targetReduction":0.60, "realisedReduction":0.597, "alpha":0.0, "samples":66, "strict":false, "delete":[3,0,2], "source":"calibrated" }
            """);

        Recipe recipe = RecipeFile.Read(path);

        Assert.Equal([3, 0, 2], recipe.Delete);
        Assert.Equal((10, 0.6, 66), (recipe.BaseVisualTokens, recipe.TargetReduction, recipe.Samples));
    }

    [Theory]
    [InlineData("{0: 14, 1: 33, 2: 89}", new[] { 14, 33, 89 })]
    [InlineData("  {2: 1, 0: 5}\n", new[] { 5, 0, 1 })]
    [InlineData("{0:1,}", new[] { 1 })]
    public void Printed_form_of_the_official_search_is_read(string text, int[] expected)
    {
        using TestFiles files = new();

        Assert.Equal(expected, RecipeFile.Read(files.Write("printed.txt", text)).Delete);
    }

    [Theory]
    [InlineData("", "is no recipe")]
    [InlineData("[]", "is no recipe")]
    [InlineData("null", "is no recipe")]
    [InlineData("""{"format":"other","version":1}""", "format must be fitprune-recipe, version 1, not 'other', 1")]
    [InlineData("""{"format":"fitprune-recipe","version":2}""", "version 1, not 'fitprune-recipe', 2")]
    [InlineData("""{"format":"fitprune-recipe","version":1,"layers":3,"delete":[1,2]}""", "says 3 layers but has 2 entries")]
    [InlineData("""{"format":"fitprune-recipe","version":1,"layers":3,"delete":null}""", "says 3 layers but has 0 entries")]
    [InlineData("""{"format":"fitprune-recipe","version":1,"layers":1,"delete":[-4]}""", "deletes -4 tokens in layer 0")]
    [InlineData("""{"format":"fitprune-recipe","version":1,"layers":2,"baseVisualTokens":5,"delete":[3,3]}""", "deletes 6 of 5 visual tokens")]
    [InlineData("""{"format":"fitprune-recipe","version":1,"layers":2,"baseVisualTokens":5,"delete":[2147483647,2147483647]}""", "deletes 4294967294 of 5")]
    [InlineData("""{"format":"fitprune-recipe","version":1,"layers":1,"delete":["x"]}""", "not valid at $.delete[0]")]
    [InlineData("{0: 14, 1 33}", "has the entry '1 33'")]
    [InlineData("{0: 14, 0: 33}", "names layer 0 twice")]
    [InlineData("{0: -14}", "deletes -14 tokens in layer 0")]
    [InlineData("{0: 14", "is not closed")]
    [InlineData("{999999999: 14}", "has the entry '999999999: 14'")]
    [InlineData("{0: 99999999999}", "has the entry '0: 99999999999'")]
    public void Damaged_files_are_refused_in_one_line(string content, string message)
    {
        using TestFiles files = new();
        string path = files.Write("r.json", content);

        ApertureException error = Assert.Throws<ApertureException>(() => RecipeFile.Read(path));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }
}
