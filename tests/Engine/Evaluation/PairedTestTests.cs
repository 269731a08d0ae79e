using Aperture.Evaluation;
using Aperture.Scripting;

namespace Aperture.Engine.Tests.Evaluation;

/// <summary>Differences, intervals and p-values against numbers worked out by hand.</summary>
public sealed class PairedTestTests
{
    [Fact]
    public void McNemar_counts_the_questions_that_one_alone_has_right()
    {
        // Of 20 questions both have 7 right and 3 wrong; the second alone has 8 right, the first alone 2.
        double[] first = [.. Scores(1, 7), .. Scores(0, 3), .. Scores(0, 8), .. Scores(1, 2)];
        double[] second = [.. Scores(1, 7), .. Scores(0, 3), .. Scores(1, 8), .. Scores(0, 2)];

        PairedTest test = PairedTest.Of("none", first, second, isGraded: false);

        Assert.Equal("none", test.Against);
        Assert.Equal("exact McNemar", test.Test);
        Assert.Equal(2 * (1 + 10 + 45) / 1024.0, test.P, 12); // both tails of ten tosses with two or fewer
        Assert.Equal(6 / 20.0, test.Difference, 12);
        Assert.Equal(1.96 * Math.Sqrt(((10 / 20.0) - (0.3 * 0.3)) / 20), test.HalfWidth, 12); // variance of ten ones and the rest zeros
        Assert.Equal(-test.Difference, PairedTest.Of("", second, first, isGraded: false).Difference);
        Assert.Equal(test.P, PairedTest.Of("", second, first, isGraded: false).P);
    }

    [Theory]
    [InlineData(0, 0, 1)]
    [InlineData(3, 3, 1)]
    [InlineData(1, 0, 1)]
    [InlineData(5, 0, 2 / 32.0)]
    [InlineData(7, 1, 2 * (1 + 8) / 256.0)]
    public void McNemar_s_tails(int better, int worse, double p)
        => Assert.Equal(p, PairedTest.Of("", [.. Scores(0, better), .. Scores(1, worse), 1], [.. Scores(1, better), .. Scores(0, worse), 1], false).P, 12);

    [Theory]
    [InlineData(0.3, 0.1, 0.109375, "+30.0 ± 10.0 percentage points against none, p 0.109 (exact McNemar)")]
    [InlineData(-0.0125, 0.02, 0.00004, "-1.3 ± 2.0 percentage points against none, p 4e-5 (exact McNemar)")]
    public void It_reads_as_one_line(double difference, double halfWidth, double p, string line)
    {
        PairedTest test = new("none", difference, halfWidth, p, PairedTest.McNemar);

        Assert.Equal(line, test.ToString());
        Assert.Equal(line, new ValueFormatter().Format(test).Text);
    }

    [Fact]
    public void McNemar_takes_thousands()
    {
        // The normal approximation with continuity correction: z = (2100 - 1900 - 1) / sqrt(4000) = 3.1465, p = 0.00165.
        PairedTest test = PairedTest.Of("", [.. Scores(0, 2100), .. Scores(1, 1900)], [.. Scores(1, 2100), .. Scores(0, 1900)], isGraded: false);

        Assert.InRange(test.P, 0.00164, 0.00167);
    }

    [Fact]
    public void Sign_flips_are_all_counted_where_there_are_few()
    {
        // The differences are 0.3, 0.6, -0.3 and 0. Their sum is 0.6; the eight flips give 1.2, 0.6, 0, -0.6, 0.6, 0, -0.6, -1.2: six of them reach it.
        PairedTest test = PairedTest.Of("none", [0.3, 0.3, 0.9, 1], [0.6, 0.9, 0.6, 1], isGraded: true);

        Assert.Equal("paired sign-flip", test.Test);
        Assert.Equal(6 / 8.0, test.P, 12);
        Assert.Equal(0.6 / 4, test.Difference, 12);
        Assert.Equal(1.96 * Math.Sqrt((((0.09 + 0.36 + 0.09) / 4) - (0.15 * 0.15)) / 4), test.HalfWidth, 12);
    }

    [Fact]
    public void Sign_flips_of_right_and_wrong_are_McNemar()
    {
        (double[] first, double[] second) = ([.. Scores(0, 8), .. Scores(1, 2)], [.. Scores(1, 8), .. Scores(0, 2)]);

        Assert.Equal(PairedTest.Of("", first, second, isGraded: false).P, PairedTest.Of("", first, second, isGraded: true).P, 12);
    }

    [Fact]
    public void Many_sign_flips_are_drawn_and_always_the_same()
    {
        (double[] first, double[] second) = ([.. Scores(0, 15), .. Scores(1, 5)], [.. Scores(1, 15), .. Scores(0, 5)]);

        double drawn = PairedTest.Of("", first, second, isGraded: true).P;

        Assert.InRange(drawn, 0.0414 - 0.006, 0.0414 + 0.006); // exact: 2 (1 + 20 + 190 + 1140 + 4845 + 15504) / 2^20 = 0.0414; four standard errors
        Assert.Equal(drawn, PairedTest.Of("", first, second, isGraded: true).P);
        Assert.NotEqual(PairedTest.Of("", first, second, isGraded: false).P, drawn);
    }

    private static IEnumerable<double> Scores(double score, int count) => Enumerable.Repeat(score, count);
}
