using Aperture.Data;
using Aperture.Evaluation;
using Aperture.Measuring;
using Aperture.Scripting;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Evaluation;

/// <summary>The tables of an evaluation whose figures never change, cell by cell.</summary>
public sealed class EvaluationTablesTests
{
    private static readonly Dictionary<(int Pipelines, int Width), string> _exact = new()
    {
        [(2, 80)] =
            """
            questions            none  fitprune(Reduction=0.6)
            ──────────  ─────────────  ───────────────────────
            all (10)    80.0 ± 24.8 %            40.0 ± 30.4 %
            difference              –             -40.0 ± 30.4
            p                       –                    0.125
            count (6)          66.7 %                   33.3 %
            where (4)         100.0 %                   50.0 %
            F1                 80.0 %                   40.0 %
            scored by exact; ± is half a 95 % interval; difference from none in percentage
            points, paired by question; p two-sided, exact McNemar

            pipeline                 tokens  GFLOPs  FLOPs %  prefill  per token        KV
            ───────────────────────  ──────  ──────  ───────  ───────  ─────────  ────────
            none                      144.0   2.400    100.0    24.50          –  169.0 KB
            fitprune(Reduction=0.6)    66.0   1.200     50.0    27.50       1.75   77.5 KB
            slower in the prefill than none (24.50 ms): fitprune(Reduction=0.6) 27.50 ms
            tokens are means over layers and questions
            tiny-llava, Float32 on cpu, 2 thread(s), Processor; times are medians in ms
            """,
        [(2, 120)] =
            """
            questions            none  fitprune(Reduction=0.6)
            ──────────  ─────────────  ───────────────────────
            all (10)    80.0 ± 24.8 %            40.0 ± 30.4 %
            difference              –             -40.0 ± 30.4
            p                       –                    0.125
            count (6)          66.7 %                   33.3 %
            where (4)         100.0 %                   50.0 %
            F1                 80.0 %                   40.0 %
            scored by exact; ± is half a 95 % interval; difference from none in percentage points, paired by question; p two-sided,
            exact McNemar

            pipeline                 tokens  GFLOPs  FLOPs %  prefill  per token        KV
            ───────────────────────  ──────  ──────  ───────  ───────  ─────────  ────────
            none                      144.0   2.400    100.0    24.50          –  169.0 KB
            fitprune(Reduction=0.6)    66.0   1.200     50.0    27.50       1.75   77.5 KB
            slower in the prefill than none (24.50 ms): fitprune(Reduction=0.6) 27.50 ms
            tokens are means over layers and questions
            tiny-llava, Float32 on cpu, 2 thread(s), Processor; times are medians in ms
            """,
        [(4, 80)] =
            """
            questions  pipeline                         score    difference      p
            ─────────  ───────────────────────  ─────────────  ────────────  ─────
            all (10)   none                     80.0 ± 24.8 %             –      –
            all (10)   fitprune(Reduction=0.6)  40.0 ± 30.4 %  -40.0 ± 30.4  0.125
            all (10)   random(Tokens=66)        40.0 ± 30.4 %  -40.0 ± 30.4  0.125
            all (10)   pooling(Tokens=66)       40.0 ± 30.4 %  -40.0 ± 30.4  0.125
            count (6)  none                            66.7 %
            count (6)  fitprune(Reduction=0.6)         33.3 %
            count (6)  random(Tokens=66)               33.3 %
            count (6)  pooling(Tokens=66)              33.3 %
            where (4)  none                           100.0 %
            where (4)  fitprune(Reduction=0.6)         50.0 %
            where (4)  random(Tokens=66)               50.0 %
            where (4)  pooling(Tokens=66)              50.0 %
            F1         none                            80.0 %
            F1         fitprune(Reduction=0.6)         40.0 %
            F1         random(Tokens=66)               40.0 %
            F1         pooling(Tokens=66)              40.0 %
            scored by exact; ± is half a 95 % interval; difference from none in percentage
            points, paired by question; p two-sided, exact McNemar

            pipeline                 tokens  GFLOPs  FLOPs %  prefill  per token        KV
            ───────────────────────  ──────  ──────  ───────  ───────  ─────────  ────────
            none                      144.0   2.400    100.0    24.50          –  169.0 KB
            fitprune(Reduction=0.6)    66.0   1.200     50.0    27.50       1.75   77.5 KB
            random(Tokens=66)          66.0   1.200     50.0    24.60       1.75   77.5 KB
            pooling(Tokens=66)         66.0   1.200     50.0    27.50       1.75   77.5 KB
            slower in the prefill than none (24.50 ms): fitprune(Reduction=0.6) 27.50 ms,
            pooling(Tokens=66) 27.50 ms
            tokens are means over layers and questions
            tiny-llava, Float32 on cpu, 2 thread(s), Processor; times are medians in ms
            """,
        [(4, 200)] =
            """
            questions            none  fitprune(Reduction=0.6)  random(Tokens=66)  pooling(Tokens=66)
            ──────────  ─────────────  ───────────────────────  ─────────────────  ──────────────────
            all (10)    80.0 ± 24.8 %            40.0 ± 30.4 %      40.0 ± 30.4 %       40.0 ± 30.4 %
            difference              –             -40.0 ± 30.4       -40.0 ± 30.4        -40.0 ± 30.4
            p                       –                    0.125              0.125               0.125
            count (6)          66.7 %                   33.3 %             33.3 %              33.3 %
            where (4)         100.0 %                   50.0 %             50.0 %              50.0 %
            F1                 80.0 %                   40.0 %             40.0 %              40.0 %
            scored by exact; ± is half a 95 % interval; difference from none in percentage points, paired by question; p two-sided, exact McNemar

            pipeline                 tokens  GFLOPs  FLOPs %  prefill  per token        KV
            ───────────────────────  ──────  ──────  ───────  ───────  ─────────  ────────
            none                      144.0   2.400    100.0    24.50          –  169.0 KB
            fitprune(Reduction=0.6)    66.0   1.200     50.0    27.50       1.75   77.5 KB
            random(Tokens=66)          66.0   1.200     50.0    24.60       1.75   77.5 KB
            pooling(Tokens=66)         66.0   1.200     50.0    27.50       1.75   77.5 KB
            slower in the prefill than none (24.50 ms): fitprune(Reduction=0.6) 27.50 ms, pooling(Tokens=66) 27.50 ms
            tokens are means over layers and questions
            tiny-llava, Float32 on cpu, 2 thread(s), Processor; times are medians in ms
            """,
        [(2, 40)] =
            """
            questions   all (10)
            pipeline    none
            score       80.0 ± 24.8 %
            difference  –
            p           –

            questions   all (10)
            pipeline    fitprune(Reduction=0.6)
            score       40.0 ± 30.4 %
            difference  -40.0 ± 30.4
            p           0.125

            questions   count (6)
            pipeline    none
            score       66.7 %

            questions   count (6)
            pipeline    fitprune(Reduction=0.6)
            score       33.3 %

            questions   where (4)
            pipeline    none
            score       100.0 %

            questions   where (4)
            pipeline    fitprune(Reduction=0.6)
            score       50.0 %

            questions   F1
            pipeline    none
            score       80.0 %

            questions   F1
            pipeline    fitprune(Reduction=0.6)
            score       40.0 %

            scored by exact; ± is half a 95 %
            interval; difference from none in
            percentage points, paired by question; p
            two-sided, exact McNemar

            pipeline   none
            tokens     144.0
            GFLOPs     2.400
            FLOPs %    100.0
            prefill    24.50
            per token  –
            KV         169.0 KB

            pipeline   fitprune(Reduction=0.6)
            tokens     66.0
            GFLOPs     1.200
            FLOPs %    50.0
            prefill    27.50
            per token  1.75
            KV         77.5 KB

            slower in the prefill than none (24.50
            ms): fitprune(Reduction=0.6) 27.50 ms
            tokens are means over layers and
            questions
            tiny-llava, Float32 on cpu, 2 thread(s),
            Processor; times are medians in ms
            """,
    };

    private static readonly MeasuredOn _here = new(ScalarType.Float32, "cpu", 2, "Processor");

    [Fact]
    public void Kinds_stand_in_rows_and_pipelines_in_columns()
    {
        DisplayTable table = EvaluationTables.Scores(Sample("none", "fitprune(Reduction=0.6)"), 80);

        Assert.Equal(["questions", "none", "fitprune(Reduction=0.6)"], table.Heads);
        Assert.Equal(
            [
                ["all (10)", "80.0 ± 24.8 %", "40.0 ± 30.4 %"],
                ["difference", "–", "-40.0 ± 30.4"],
                ["p", "–", "0.125"],
                ["count (6)", "66.7 %", "33.3 %"],
                ["where (4)", "100.0 %", "50.0 %"],
                ["F1", "80.0 %", "40.0 %"],
            ],
            table.Rows);
        Assert.Equal(
            "scored by exact; ± is half a 95 % interval; difference from none in percentage points, paired by question; p two-sided, exact McNemar",
            table.Caption);
    }

    [Fact]
    public void Where_pipelines_do_not_fit_each_kind_and_pipeline_is_a_row()
    {
        EvaluationResult result = Sample("none", "fitprune(Reduction=0.6)", "random(Tokens=66)", "pooling(Tokens=66)");

        Assert.Equal(5, EvaluationTables.Scores(result, 120).Heads.Count);
        DisplayTable table = EvaluationTables.Scores(result, 80);
        Assert.Equal(["questions", "pipeline", "score", "difference", "p"], table.Heads);
        Assert.Equal(4 * (1 + 2 + 1), table.Rows.Count); // all, two kinds, one figure
        Assert.Equal(
            [
                ["all (10)", "none", "80.0 ± 24.8 %", "–", "–"],
                ["all (10)", "fitprune(Reduction=0.6)", "40.0 ± 30.4 %", "-40.0 ± 30.4", "0.125"],
                ["all (10)", "random(Tokens=66)", "40.0 ± 30.4 %", "-40.0 ± 30.4", "0.125"],
                ["all (10)", "pooling(Tokens=66)", "40.0 ± 30.4 %", "-40.0 ± 30.4", "0.125"],
                ["count (6)", "none", "66.7 %", "", ""],
            ],
            table.Rows.Take(5));
    }

    /// <summary>The tables as they come out: pipelines in columns, and in rows where the width has no room for them; words stay whole.</summary>
    [Theory]
    [InlineData(2, 80)]
    [InlineData(2, 120)]
    [InlineData(4, 80)]
    [InlineData(4, 200)]
    [InlineData(2, 40)]
    public void Both_tables_exactly(int pipelines, int width)
    {
        EvaluationResult result = Sample([.. new[] { "none", "fitprune(Reduction=0.6)", "random(Tokens=66)", "pooling(Tokens=66)" }.Take(pipelines)]);

        string text = $"{EvaluationTables.Scores(result, width).ToString(width)}\n\n{EvaluationTables.Costs(result).ToString(width)}";

        Assert.Equal(_exact[(pipelines, width)], text);
    }

    [Fact]
    public void One_pipeline_has_no_difference_and_one_kind_no_rows()
    {
        EvaluationResult alone = Sample("none");
        QuestionResult[] results = [.. alone.Reports[0].Results.Select(own => own with { Item = own.Item with { Type = "" } })];
        EvaluationResult untyped = alone with { Reports = [new EvaluationReport("none", results) { Model = "m", MeasuredOn = _here }] };

        Assert.Equal(["all (10)", "count (6)", "where (4)", "F1"], EvaluationTables.Scores(alone, 80).Rows.Select(row => row[0]));
        Assert.Equal("scored by exact; ± is half a 95 % interval", EvaluationTables.Scores(alone, 80).Caption);
        Assert.Equal(["all (10)"], EvaluationTables.Scores(untyped, 80).Rows.Select(row => row[0]));
        Assert.Equal(["questions", "pipeline", "score"], EvaluationTables.Scores(alone, 10).Heads);
    }

    [Fact]
    public void Costs_have_a_row_a_pipeline_and_say_what_is_slower_and_whose_FLOPs_baselines_have()
    {
        EvaluationResult result = Sample("none", "fitprune(Reduction=0.6)", "random(Tokens=66)");
        result = result with { Reports = [.. result.Reports.Take(2), result.Reports[2] with { BudgetOf = ["fitprune(Reduction=0.6)"] }] };

        DisplayTable table = EvaluationTables.Costs(result);

        Assert.Equal(["pipeline", "tokens", "GFLOPs", "FLOPs %", "prefill", "per token", "KV"], table.Heads);
        Assert.Equal(
            [
                ["none", "144.0", "2.400", "100.0", "24.50", "–", "169.0 KB"],
                ["fitprune(Reduction=0.6)", "66.0", "1.200", "50.0", "27.50", "1.75", "77.5 KB"],
                ["random(Tokens=66)", "66.0", "1.200", "50.0", "24.60", "1.75", "77.5 KB"],
            ],
            table.Rows);
        Assert.Equal(
            """
            slower in the prefill than none (24.50 ms): fitprune(Reduction=0.6) 27.50 ms
            at most the FLOPs of fitprune(Reduction=0.6): random(Tokens=66)
            tokens are means over layers and questions
            tiny-llava, Float32 on cpu, 2 thread(s), Processor; times are medians in ms
            """,
            table.Caption);
    }

    [Theory]
    [InlineData(0.0004, "4e-4")]
    [InlineData(0.00004, "4e-5")]
    [InlineData(0.001, "0.001")]
    [InlineData(1, "1.000")]
    public void Small_probabilities_keep_a_digit(double p, string cell)
    {
        EvaluationResult result = Sample("none", "other");
        result = result with { Reports = [result.Reports[0], result.Reports[1] with { Against = result.Reports[1].Against! with { P = p } }] };

        Assert.Equal(["p", "–", cell], EvaluationTables.Scores(result, 80).Rows[2]);
    }

    [Fact]
    public void A_script_shows_both_tables()
    {
        EvaluationResult result = Sample("none", "fitprune(Reduction=0.6)");

        DisplayForm form = new ValueFormatter().Format(result);

        Assert.Equal($"{EvaluationTables.Scores(result, 120)}\n\n{EvaluationTables.Costs(result)}", form.Text);
        Assert.Equal(EvaluationTables.Scores(result, 120).ToHtml() + EvaluationTables.Costs(result).ToHtml(), form.Html);
        Assert.Equal("none: 80.0 ± 24.8 % of 10 questions", new ValueFormatter().Format(result.Reports[0]).Text);
    }

    // The first has eight of ten right, every other four of these.
    private static EvaluationResult Sample(params string[] labels)
    {
        double[][] scores = [[1, 1, 1, 1, 0, 0, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0, 1, 1, 0, 0]];
        EvaluationReport[] reports = [.. labels.Select((label, i) => Report(label, scores[Math.Min(1, i)], isFirst: i == 0))];
        return new EvaluationResult("exact", [.. reports.Select((report, i) => i == 0 ? report : report with
        {
            Against = PairedTest.Of(labels[0], scores[0], scores[1], isGraded: false),
        })]);
    }

    private static EvaluationReport Report(string label, double[] scores, bool isFirst)
    {
        QuestionResult[] results =
        [
            .. scores.Select((score, i) => new QuestionResult(new QuestionItem($"{i}", null, "q", "a", i < 6 ? "count" : "where"), "a", score)
            {
                MeanVisualTokens = isFirst ? 144 : 66,
                Flops = isFirst ? 2_400_000_000 : 1_200_000_000,
                PrefillMs = isFirst ? 24.5 : label.StartsWith("random", StringComparison.Ordinal) ? 24.6 : 27.5,
                DecodeMs = isFirst ? 0 : 1.75,
                CacheBytes = 1201 * (isFirst ? 144 : 66) + 112,
            }),
        ];
        return new EvaluationReport(label, results)
        {
            Model = "tiny-llava",
            MeasuredOn = _here,
            IsPlain = isFirst,
            Figures = [("F1", scores.Average())],
        };
    }
}
