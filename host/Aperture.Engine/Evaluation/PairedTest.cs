using System.Globalization;
using System.Numerics;
using Aperture.Data;

namespace Aperture.Evaluation;

/// <summary>
/// Whether two pipelines that answered the same questions differ by more than chance, question by question. Each test stands by itself: with many pipelines
/// some small p-values are chance.
/// </summary>
/// <param name="Against">The pipeline that is compared with.</param>
/// <param name="Difference">Mean over the questions of the score minus the other's.</param>
/// <param name="HalfWidth">Half the width of the 95 % interval of the difference (normal approximation over the questions' differences).</param>
/// <param name="P">Two-sided p-value: how often at least so large a difference comes about if both are equally good.</param>
/// <param name="Test">How it was computed: <see cref="McNemar"/> or <see cref="SignFlip"/>.</param>
public sealed record PairedTest(string Against, double Difference, double HalfWidth, double P, string Test)
{
    /// <summary>
    /// McNemar's test for answers that are right or wrong, exact: of the questions that one alone has right, each is the one's or the other's with equal
    /// probability.
    /// </summary>
    public const string McNemar = "exact McNemar";

    /// <summary>
    /// The paired randomisation test for graded scores: the sign of each question's difference is flipped with probability one half. All flips are counted for
    /// up to 16 questions with a difference, else 20 000 random ones with a fixed seed.
    /// </summary>
    public const string SignFlip = "paired sign-flip";

    private const int MostCounted = 16;
    private const int Draws = 20_000;
    private const double Tolerance = 1e-9; // Sums of the same numbers in another order differ by rounding.

    /// <summary>The difference and its interval in percentage points, such as <c>+1.5 ± 2.0</c>.</summary>
    public string Points => string.Create(CultureInfo.InvariantCulture, $"{100 * Difference:+0.0;-0.0;0.0} ± {100 * HalfWidth:0.0}");

    /// <summary>The p-value as text, small ones as a power of ten.</summary>
    public string Probability => P.ToString(P >= 0.001 ? "0.000" : "0e-0", CultureInfo.InvariantCulture);

    /// <summary>One line, such as <c>+1.5 ± 2.0 percentage points against none, p 0.210 (exact McNemar)</c>.</summary>
    public override string ToString() => $"{Points} percentage points against {Against}, p {Probability} ({Test})";

    /// <summary>Compares the scores of two pipelines.</summary>
    /// <param name="against">Name of the first.</param>
    /// <param name="first">The first one's scores.</param>
    /// <param name="second">The second one's, question by question the same.</param>
    /// <param name="isGraded">Whether scores lie between right and wrong.</param>
    internal static PairedTest Of(string against, IReadOnlyList<double> first, IReadOnlyList<double> second, bool isGraded)
    {
        double[] differences = [.. second.Zip(first, (own, other) => own - other)];
        double mean = differences.Average();
        double halfWidth = 1.96 * Math.Sqrt(differences.Average(difference => (difference - mean) * (difference - mean)) / differences.Length);
        double[] changed = [.. differences.Where(difference => Math.Abs(difference) > Tolerance)];
        return isGraded ? new PairedTest(against, mean, halfWidth, Flipped(changed), SignFlip)
            : new PairedTest(against, mean, halfWidth, Discordant(changed.Count(difference => difference > 0), changed.Length), McNemar);
    }

    // Twice the smaller tail of the binomial distribution of so many tosses.
    private static double Discordant(int better, int changed)
    {
        int fewer = Math.Min(better, changed - better);
        BigInteger term = BigInteger.One, tail = BigInteger.One;
        for (int i = 1; i <= fewer; i++)
        {
            term = term * (changed - i + 1) / i;
            tail += term;
        }

        // Numerator and denominator may both lie beyond a double.
        return Math.Min(1, Math.Exp(BigInteger.Log(2 * tail) - (changed * Math.Log(2))));
    }

    private static double Flipped(double[] changed)
    {
        double observed = Math.Abs(changed.Sum()) - Tolerance;
        if (changed.Length <= MostCounted)
        {
            int all = 1 << changed.Length;
            return Enumerable.Range(0, all).Count(signs => Math.Abs(Sum(changed, i => (signs >> i) & 1)) >= observed) / (double)all;
        }

        SeededRandom random = new(seed: 0);
        int reached = 0;
        for (int draw = 0; draw < Draws; draw++)
        {
            ulong bits = 0;
            reached += Math.Abs(Sum(changed, i => (int)((bits = i % 64 == 0 ? random.NextBits() : bits >> 1) & 1))) >= observed ? 1 : 0;
        }

        return (reached + 1) / (Draws + 1.0);
    }

    private static double Sum(double[] changed, Func<int, int> sign)
    {
        double sum = 0;
        for (int i = 0; i < changed.Length; i++)
        {
            sum += sign(i) == 0 ? changed[i] : -changed[i];
        }

        return sum;
    }
}
