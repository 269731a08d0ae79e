using Aperture.Pipelines;
using Aperture.Plugins.Eas.Search;

namespace Aperture.Plugins.Eas.Tests;

/// <summary>The bandit.</summary>
public sealed class SearchTests
{
    private static RedundancySearch Search(int arms = 8, int skipped = 3, int sets = 3, int warmUp = 0)
        => new(new SearchRule { Skipped = skipped, Sets = sets, Every = 3, Rate = 1, WarmUp = warmUp, Ramp = true }, arms);

    [Fact]
    public void An_arm_in_all_sets_does_not_move_and_better_sets_gain()
    {
        RedundancySearch search = Search();

        search.Update([[0, 1, 2], [0, 3, 4], [0, 5, 6]], [1.0, 2.0, 3.0]);

        Assert.Equal(0, search.Scores[0], 1e-15);
        Assert.True(search.Scores[1] > search.Scores[3] && search.Scores[3] > search.Scores[5]);
        Assert.Equal(0, search.Scores[7]);
    }

    [Fact]
    public void Sets_are_distinct_ascending_and_a_function_of_the_seed()
    {
        int[][] once = Search().DrawSets(new SeededArmSampler(5)), again = Search().DrawSets(new SeededArmSampler(5));

        Assert.Equal(once, again);
        Assert.Equal(3, once.Select(set => string.Join(',', set)).Distinct().Count());
        Assert.All(once, set => Assert.True(set.Zip(set.Skip(1)).All(pair => pair.First < pair.Second)));
        Assert.NotEqual(once, Search().DrawSets(new SeededArmSampler(6)));
    }

    [Fact]
    public void Arms_are_drawn_in_proportion_to_their_weights()
    {
        SeededArmSampler sampler = new(1);
        int[] first = new int[3];
        for (int i = 0; i < 6000; i++)
        {
            int[] drawn = sampler.Draw([1, 2, 3], 2);
            Assert.NotEqual(drawn[0], drawn[1]);
            first[drawn[0]]++;
        }

        Assert.Equal([1000.0, 2000.0, 3000.0], first.Select(count => Math.Round(count / 1000.0) * 1000));
    }

    [Fact]
    public void The_search_finds_the_arms_that_do_no_harm()
    {
        HashSet<int> harmless = [1, 4, 6];
        RedundancySearch search = Search(sets: 5);
        SeededArmSampler sampler = new(2);
        for (int i = 0; i < 400; i++)
        {
            int[][] sets = search.DrawSets(sampler);
            search.Update(sets, [.. sets.Select(set => 0.5 * set.Count(arm => !harmless.Contains(arm)))]);
        }

        Assert.Equal(harmless.Order(), search.Best(3).Order());
    }

    [Fact]
    public void Comparisons_begin_with_the_warm_ups_end()
    {
        RedundancySearch search = Search(warmUp: 7);

        Assert.Equal([7, 10, 13], Enumerable.Range(1, 14).Where(search.EvaluatesAt));
        Assert.Equal([3, 6], Enumerable.Range(1, 7).Where(Search().EvaluatesAt));
    }

    [Theory]
    [InlineData(8, 0, 3, "SkipCount is 0")]
    [InlineData(8, 8, 3, "SkipCount is 8; give 1 to 7")]
    [InlineData(8, 3, 1, "Sets is 1; give 2 or more")]
    [InlineData(4, 3, 5, "Sets is 5, but there are fewer different sets of 3 out of 4")]
    public void Impossible_searches_are_refused(int arms, int skipped, int sets, string message)
        => Assert.Contains(message, Assert.Throws<ApertureException>(() => Search(arms, skipped, sets)).Message, StringComparison.Ordinal);
}
