using Aperture.Data;
using Aperture.Measuring;
using Aperture.Requests;
using Aperture.Text.Scoring;

namespace Aperture.Evaluation;

/// <summary>
/// How answers are scored, by the rules of the published benchmarks. What a rule needs of a question file is checked before the first question is asked.
/// </summary>
public abstract class AnswerScoring
{
    /// <summary>The rules there are.</summary>
    public static IReadOnlyList<AnswerScoring> All { get; } = [new ExactScoring(), new VqaScoring(), new PopeScoring(), new ScienceQaScoring()];

    /// <summary>The name users write.</summary>
    public abstract string Name { get; }

    /// <summary>One line for help.</summary>
    public abstract string Summary { get; }

    /// <summary>The rule of a name.</summary>
    /// <param name="name">The name.</param>
    /// <exception cref="ApertureException">There is no such rule.</exception>
    public static AnswerScoring Find(string name)
        => All.FirstOrDefault(rule => string.Equals(rule.Name, name, StringComparison.OrdinalIgnoreCase))
            ?? throw new ApertureException($"There is no score '{name}'; use {string.Join(", ", All.Select(rule => rule.Name))}.");

    /// <summary>Checks that a question carries what the rule needs.</summary>
    /// <param name="item">The question.</param>
    /// <exception cref="ApertureException">It does not.</exception>
    public virtual void Check(QuestionItem item)
    {
    }

    /// <summary>What is asked.</summary>
    /// <param name="item">The question.</param>
    public virtual string Question(QuestionItem item) => item.Question;

    /// <summary>How right an answer is, from 0 to 1. Where a question has several right answers, it is the best over them.</summary>
    /// <param name="item">The question.</param>
    /// <param name="given">The model's answer.</param>
    public abstract double Score(QuestionItem item, string given);

    /// <summary>Further figures of a whole file, by name.</summary>
    /// <param name="results">The answered questions.</param>
    public virtual IReadOnlyList<(string Name, double Value)> Figures(IReadOnlyList<QuestionResult> results) => [];
}

/// <summary>Equal but for case, surrounding space and a final full stop.</summary>
internal sealed class ExactScoring : AnswerScoring
{
    public override string Name => "exact";

    public override string Summary => "a right answer, but for case and a final full stop";

    public override void Check(QuestionItem item)
    {
        if (item.RightAnswers.Count == 0)
        {
            throw new ApertureException($"{item.Where}: there is no answer, and --score exact compares with one; give every line an answer.");
        }
    }

    public override double Score(QuestionItem item, string given) => item.RightAnswers.Any(answer => ShortAnswer.IsRight(given, answer)) ? 1 : 0;
}

/// <summary>VQAv2 and TextVQA: agreement with ten annotators, answers normalised.</summary>
internal sealed class VqaScoring : AnswerScoring
{
    public override string Name => "vqa";

    public override string Summary => "VQAv2's and TextVQA's accuracy over the annotators' answers";

    public override void Check(QuestionItem item)
    {
        if (item.Answers.Count < 2)
        {
            throw new ApertureException(
                $"{item.Where}: there are {item.Answers.Count} annotators' answers, and --score vqa compares several: give a list as answers, or use --score "
                + "exact.");
        }
    }

    public override double Score(QuestionItem item, string given) => VqaScores.SoftAccuracy(given, item.Answers);

    // ST-VQA's two scores of the same answers.
    public override IReadOnlyList<(string Name, double Value)> Figures(IReadOnlyList<QuestionResult> results) =>
    [
        ("any annotator", results.Average(result => VqaScores.ExactAccuracy(result.Given, result.Item.Answers))),
        ("ANLS", results.Average(result => VqaScores.Anls(result.Given, result.Item.Answers))),
    ];
}

/// <summary>POPE: yes or no.</summary>
internal sealed class PopeScoring : AnswerScoring
{
    public override string Name => "pope";

    public override string Summary => "POPE's yes or no, with precision, recall and F1";

    public override void Check(QuestionItem item)
    {
        string[] right = [.. item.RightAnswers.Select(answer => answer.ToLowerInvariant()).Distinct()];
        if (right is not ["yes"] and not ["no"])
        {
            throw new ApertureException(
                $"{item.Where}: the answer is '{string.Join("', '", item.RightAnswers)}', and --score pope takes yes or no, one of them for a question.");
        }
    }

    public override double Score(QuestionItem item, string given) => PopeScore.IsYes(given) == IsYes(item) ? 1 : 0;

    public override IReadOnlyList<(string Name, double Value)> Figures(IReadOnlyList<QuestionResult> results)
    {
        PopeScore score = PopeScore.Of([.. results.Select(Given)], [.. results.Select(result => IsYes(result.Item))]);
        return [("precision", score.Precision), ("recall", score.Recall), ("F1", score.F1), ("yes", score.YesRatio)];
    }

    // A question that could not be asked is wrong, whichever answer is right.
    private static string Given(QuestionResult result) => result.Problem is null ? result.Given : IsYes(result.Item) ? "no" : "yes";

    private static bool IsYes(QuestionItem item) => item.RightAnswers.Any(answer => string.Equals(answer, "yes", StringComparison.OrdinalIgnoreCase));
}

/// <summary>ScienceQA: a letter, or a sentence that names one. Lines with choices are asked in the form QCM-ALE; others carry a whole prompt.</summary>
internal sealed class ScienceQaScoring : AnswerScoring
{
    private const string Letters = "ABCDE";

    public override string Name => "scienceqa";

    public override string Summary => "ScienceQA's choice; the answer is a letter, or one of the line's choices";

    public override void Check(QuestionItem item)
    {
        if (item.Choices.Count > Letters.Length)
        {
            throw new ApertureException($"{item.Where}: there are {item.Choices.Count} choices, and --score scienceqa takes at most {Letters.Length}.");
        }

        int[] right = [.. item.RightAnswers.Select(answer => Choice(item, answer))];
        if (right.Length == 0 || right.Any(choice => choice < 0 || (item.Choices.Count > 0 && choice >= item.Choices.Count)))
        {
            throw new ApertureException(
                $"{item.Where}: the answer is '{string.Join("', '", item.RightAnswers)}', and --score scienceqa takes a letter from A to E or one of the "
                + "line's choices.");
        }
    }

    public override string Question(QuestionItem item) => item.Choices.Count == 0 ? item.Question : ScienceQaPrompt.Create(new ScienceQaProblem
    {
        Question = item.Question,
        Hint = item.Hint,
        Choices = item.Choices,
        Answer = Choice(item, item.RightAnswers[0]),
    }).Prompt;

    public override double Score(QuestionItem item, string given)
    {
        int choices = item.Choices.Count == 0 ? Letters.Length : item.Choices.Count, chosen = ScienceQaAnswer.Choice(given, choices);
        chosen = chosen >= 0 ? chosen : ScienceQaAnswer.FirstChoice(given, choices);
        return chosen >= 0 && item.RightAnswers.Any(answer => Choice(item, answer) == chosen) ? 1 : 0;
    }

    // The index of the choice that a right answer names, by its text or by its letter; -1 for none.
    private static int Choice(QuestionItem item, string answer)
    {
        int named = item.Choices.ToList().FindIndex(choice => string.Equals(choice, answer, StringComparison.OrdinalIgnoreCase));
        return named >= 0 ? named : answer.Length == 1 ? Letters.IndexOf(char.ToUpperInvariant(answer[0]), StringComparison.Ordinal) : -1;
    }
}
