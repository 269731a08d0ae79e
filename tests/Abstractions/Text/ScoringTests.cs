using Aperture.Measuring;
using Aperture.Text.Scoring;

namespace Aperture.Text.Tests;

public sealed class ScoringTests
{
    [Theory]
    [InlineData("The two boots, please!", "2 boots please")]
    [InlineData("1,000", "1000")]
    [InlineData("dont", "don't")]
    public void Answers_are_normalised_as_the_VQA_evaluation_does(string answer, string expected) => Assert.Equal(expected, AnswerNormalizer.Normalize(answer));

    [Fact]
    public void Only_the_first_32_periods_go_as_in_the_official_code()
        => Assert.Equal(new string('.', 8), AnswerNormalizer.Punctuation(new string('.', 40)));

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0.3)]
    [InlineData(2, 0.6)]
    [InlineData(3, 0.9)]
    [InlineData(4, 1)]
    public void Soft_accuracy_leaves_each_annotator_out_once(int same, double expected)
    {
        List<string> answers = [.. Enumerable.Repeat("red", same), .. Enumerable.Repeat("blue", 10 - same)];

        Assert.Equal(expected, VqaScores.SoftAccuracy("Red.", answers), 12);
    }

    [Fact]
    public void Anls_counts_characters_not_utf16_units() => Assert.Equal(0.5, VqaScores.Anls("\U0001F600a", "\U0001F600b"), 12);

    [Fact]
    public void Empty_texts_are_alike() => Assert.Equal(1, VqaScores.Anls("", " "));

    [Fact]
    public void Pope_without_answers_scores_zero()
    {
        PopeScore score = PopeScore.Of([], []);

        Assert.Equal((0, 0, 0), (score.Accuracy, score.F1, score.YesRatio));
    }

    [Theory]
    [InlineData("B", 2, 1)]
    [InlineData("C", 2, -1)]
    [InlineData("B. text", 3, 1)]
    [InlineData("The answer is C.", 3, 2)]
    [InlineData("The answer is A. The answer is B.", 3, -1)]
    [InlineData("", 3, -1)]
    public void ScienceQA_takes_the_letter_that_an_answer_names(string answer, int choices, int expected)
        => Assert.Equal(expected, ScienceQaAnswer.Choice(answer, choices));

    [Theory]
    [InlineData("The answer is A. The answer is B.", 3, false, 0)]
    [InlineData("The answer is E.", 3, false, -1)]
    [InlineData("Clearly the second.", 3, false, -1)]
    [InlineData("Clearly the second.", 3, true, 2)]
    [InlineData("Ends with B", 3, true, -1)]
    [InlineData("", 3, true, -1)]
    public void LaVIN_takes_the_first_sentence_or_the_first_letter(string text, int choices, bool orLetter, int expected)
        => Assert.Equal(expected, ScienceQaAnswer.FirstChoice(text, choices, orLetter));

    [Fact]
    public void ScienceQA_parts_stand_in_the_order_that_the_format_names()
    {
        ScienceQaProblem problem = new() { Question = "q", Choices = ["x", "y"], Answer = 1, Lecture = "l", Solution = "s" };

        Assert.Equal(
            ("Question: q\nContext: N/A\nBECAUSE: l s\nOptions: (A) x (B) y\nResponse:", "s l The answer is B."), ScienceQaPrompt.Create(problem, "QCLEM-ELA"));
        Assert.Equal("Question: q\nContext: N/A\nOptions: (A) x (B) y\nAnswer:", ScienceQaPrompt.Example(problem, "QCM-A", open: true));
        Assert.Throws<ApertureException>(() => ScienceQaPrompt.Create(problem, "QCM"));
        Assert.Throws<ApertureException>(() => ScienceQaPrompt.Create(problem, "QMC-A"));
        Assert.Throws<ApertureException>(() => ScienceQaPrompt.Create(problem with { Answer = 2 }));
    }
}
