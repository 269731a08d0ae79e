using Aperture.Data;
using Aperture.Decoding;
using Aperture.Evaluation;
using Aperture.Measuring;
using Aperture.Pipelines;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>Small question files, given answers, and the numbers that follow by hand.</summary>
[Collection(WholeProcess.Name)]
public sealed class AnswerScoringTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    [Fact]
    public void Exact_ignores_case_and_a_final_full_stop()
    {
        (double accuracy, IReadOnlyList<(string Name, double Value)> figures) = Score(
            "exact",
            [
                """{"question": "q", "answer": "Red bag"}""",
                """{"question": "q", "answer": "two"}""",
                """{"question": "q", "label": 3}""",
                """{"question": "q", "answer": "no"}""",
            ],
            [" red Bag.", "2", "3", "no, there is none"]);

        Assert.Equal(2 / 4.0, accuracy);
        Assert.Empty(figures);
    }

    /// <summary>Of several right answers the best counts, by rule: any of them, all annotators together, or the one that all must agree on.</summary>
    [Theory]
    [InlineData("exact", """{"question": "q", "answers": ["couch", "sofa"]}""", "Sofa.", 1)]
    [InlineData("exact", """{"question": "q", "answers": ["couch", "sofa"]}""", "chair", 0)]
    [InlineData("exact", """{"question": "q", "answer": "couch", "answers": ["sofa"]}""", "couch", 1)]
    [InlineData("vqa", """{"question": "q", "answers": ["couch", "sofa"]}""", "sofa", 1 / 6.0)]
    [InlineData("pope", """{"question": "q", "answers": ["Yes", "yes"]}""", "yes", 1)]
    [InlineData("pope", """{"question": "q", "answers": ["no"]}""", "yes", 0)]
    [InlineData("scienceqa", """{"question": "q", "choices": ["a cat", "a dog", "a cow"], "answers": ["a dog", "C"]}""", "The answer is C.", 1)]
    [InlineData("scienceqa", """{"question": "q", "choices": ["a cat", "a dog", "a cow"], "answers": ["a dog", "C"]}""", "B", 1)]
    [InlineData("scienceqa", """{"question": "q", "choices": ["a cat", "a dog", "a cow"], "answers": ["a dog", "C"]}""", "A", 0)]
    [InlineData("scienceqa", """{"question": "q", "choices": ["a cat", "a dog", "a cow"], "answers": ["a dog", "C"]}""", "none of them", 0)]
    public void Of_several_right_answers_the_best_counts(string rule, string line, string given, double score)
        => Assert.Equal(score, Score(rule, [line], [given]).Accuracy, 12);

    [Fact]
    public void Vqa_counts_the_other_annotators_by_thirds()
    {
        // Of ten, two say red, one says blue, seven say green.
        const string Line = """{"question": "q", "answers": ["red", "red", "blue", "green", "green", "green", "green", "green", "green", "green"]}""";
        string[] given = ["Red.", "blue", "green", "black"];
        double[] expected =
        [
            ((2 * (1 / 3.0)) + (8 * (2 / 3.0))) / 10, // the two meet one other, the eight meet both
            9 * (1 / 3.0) / 10, // the one meets no other, the nine meet it
            1, // each meets six at least
            0,
        ];

        (double accuracy, IReadOnlyList<(string Name, double Value)> figures) = Score("vqa", [Line, Line, Line, Line], given);

        Assert.Equal(expected.Average(), accuracy, 12);
        Assert.Equal(3 / 4.0, figures.Single(figure => figure.Name == "any annotator").Value);

        // "red." is one change of four letters from "red": 0.75. "black" is three changes of five from "blue": 0.4, which is below a half.
        Assert.Equal((0.75 + 1 + 1 + 0) / 4, figures.Single(figure => figure.Name == "ANLS").Value, 12);
    }

    [Fact]
    public void Pope_counts_yes_as_the_positive_class()
    {
        string[] right = ["yes", "yes", "yes", "no", "no", "Yes"], given = ["Yes, there is.", "No.", "yes", "There is not one", "Sure. No doubt", "no, none"];
        string[] lines = [.. right.Select(answer => $"{{\"question\": \"q\", \"answer\": \"{answer}\"}}")];

        (double accuracy, IReadOnlyList<(string Name, double Value)> figures) = Score("pope", lines, given);

        // Yes where yes is right: 1 and 3. Yes where no is right: 5, whose first sentence denies nothing.
        // No where no is right: 4. No where yes is right: 2 and 6.
        (double precision, double recall) = (2 / 3.0, 2 / 4.0);
        Assert.Equal(3 / 6.0, accuracy);
        Assert.Equal([("precision", precision), ("recall", recall), ("F1", 2 * precision * recall / (precision + recall)), ("yes", 3 / 6.0)], figures);
    }

    [Fact]
    public void ScienceQa_takes_a_letter_or_a_sentence_that_names_one()
    {
        string[] lines =
        [
            """{"question": "q", "choices": ["a cat", "a dog"], "answer": "a dog"}""",
            """{"question": "q", "choices": ["a cat", "a dog"], "answer": "B", "hint": "h"}""",
            """{"question": "q", "choices": ["a cat", "a dog"], "answer": "A"}""",
            """{"question": "whole prompt", "answer": "D"}""",
        ];

        (double accuracy, _) = Score("scienceqa", lines, ["B", "The answer is B. BECAUSE: it barks", "The answer is C.", "D. four"]);

        Assert.Equal(3 / 4.0, accuracy);
        Assert.Equal("Question: q\nContext: h\nOptions: (A) a cat (B) a dog\nResponse:", AnswerScoring.Find("scienceqa").Question(Read(lines)[1]));
        Assert.Equal("whole prompt", AnswerScoring.Find("scienceqa").Question(Read(lines)[3]));
    }

    [Theory]
    [InlineData("exact", "{\"question\": \"q\"}", "there is no answer")]
    [InlineData("vqa", "{\"question\": \"q\", \"answer\": \"red\"}", "0 annotators")]
    [InlineData("pope", "{\"question\": \"q\", \"answer\": \"maybe\"}", "'maybe'")]
    [InlineData("pope", "{\"question\": \"q\"}", "takes yes or no")]
    [InlineData("pope", "{\"question\": \"q\", \"answers\": [\"yes\", \"no\"]}", "one of them for a question")]
    [InlineData("scienceqa", "{\"question\": \"q\", \"choices\": [\"a\", \"b\"]}", "takes a letter from A to E")]
    [InlineData("scienceqa", "{\"question\": \"q\", \"choices\": [\"x\", \"y\"], \"answer\": \"E\"}", "'E'")]
    [InlineData("scienceqa", "{\"question\": \"q\", \"choices\": [\"x\", \"y\"], \"answers\": [\"x\", \"z\"]}", "'z'")]
    [InlineData("scienceqa", "{\"question\": \"q\", \"choices\": [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\"], \"answer\": \"6\"}", "6 choices")]
    public async Task What_a_rule_needs_is_missed_before_the_first_question(string rule, string line, string says)
    {
        await using EngineSession session = small.Open();
        int asked = 0;
        Pipeline counting = session.Load(small.Folder).With("counting", 0, (ILayerContext _, Tensor _) =>
        {
            asked++;
            return null;
        });
        string whole = """{"question": "q", "question_id": "whole", "answers": ["yes", "yes"], "answer": "yes"}""";
        whole = rule == "scienceqa" ? """{"question": "q", "question_id": "whole", "answer": "A"}""" : whole;

        EvaluationOptions options = new() { Scoring = AnswerScoring.Find(rule), MaxNewTokens = 1 };

        string message = Assert.Throws<ApertureException>(() => Evaluator.Run(counting, Read([whole, line]), options)).Message;

        Assert.StartsWith($"{Path.Combine(small.Root, "questions.jsonl")}(2): ", message, StringComparison.Ordinal);
        Assert.Contains(says, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
        Assert.Equal(0, asked);
        Evaluator.Run(counting, Read([whole]), options);
        Assert.Equal(2, asked); // once to warm up
    }

    [Fact]
    public async Task No_rule_and_no_questions_are_refused()
    {
        await using EngineSession session = small.Open();

        string rule = Assert.Throws<ApertureException>(() => AnswerScoring.Find("bleu")).Message;
        string none = Assert.Throws<ApertureException>(() => Evaluator.Run(session.Load(small.Folder), [])).Message;

        Assert.Contains("'bleu'; use exact, vqa, pope, scienceqa", rule, StringComparison.Ordinal);
        Assert.Contains("no questions", none, StringComparison.Ordinal);
    }

    // The report of a file whose questions were answered so.
    private (double Accuracy, IReadOnlyList<(string Name, double Value)> Figures) Score(string name, string[] lines, string[] given)
    {
        AnswerScoring rule = AnswerScoring.Find(name);
        IReadOnlyList<QuestionItem> items = Read(lines);
        QuestionResult[] results = [.. items.Zip(given, (item, answer) => new QuestionResult(item, answer, rule.Score(item, answer)))];
        Assert.All(items, rule.Check);
        return (results.Average(result => result.Score), rule.Figures(results));
    }

    private IReadOnlyList<QuestionItem> Read(string[] lines)
    {
        string file = Path.Combine(small.Root, "questions.jsonl");
        File.WriteAllLines(file, lines);
        return QuestionFile.Read(file, needAnswers: false);
    }
}
