using Aperture.Tasks;

namespace Aperture.Text.Scoring;

/// <summary>
/// Writes ScienceQA questions and answers in the published formats, named <c>INPUT-OUTPUT</c> by their parts: Q question, C context, M choices,
/// L lecture, E explanation, A answer. Models are trained and asked with <c>QCM-ALE</c>. In <c>AL</c> the explanation follows the answer and in <c>AE</c>
/// the lecture, as in the published code.
/// </summary>
public static class ScienceQaPrompt
{
    private const string Options = "ABCDE";
    private const string Because = "BECAUSE:";

    /// <summary>The prompt that a model is asked, and the answer that it is trained to give.</summary>
    /// <param name="problem">The question.</param>
    /// <param name="format">The format.</param>
    /// <param name="useCaption">Whether the caption is part of the context.</param>
    /// <exception cref="ApertureException">The format is unknown, or the question has more than five choices.</exception>
    public static (string Prompt, string Answer) Create(ScienceQaProblem problem, string format = "QCM-ALE", bool useCaption = false)
    {
        (string input, string output) = Split(format);
        return (Tidy(Input(problem, input, format, useCaption) + "Response:"), Tidy(Output(problem, output, format)));
    }

    /// <summary>The question with its answer as one text: an example for prompts that show some, or the last, open one of such a prompt.</summary>
    /// <param name="problem">The question.</param>
    /// <param name="format">The format.</param>
    /// <param name="useCaption">Whether the caption is part of the context.</param>
    /// <param name="open">Whether the answer is left to the model.</param>
    /// <exception cref="ApertureException">The format is unknown, or the question has more than five choices.</exception>
    public static string Example(ScienceQaProblem problem, string format, bool useCaption = false, bool open = false)
    {
        (string input, string output) = Split(format);
        string text = Tidy(Input(problem, input, format, useCaption) + (open ? "Answer:" : $"Answer: {Output(problem, output, format)}"));
        return text.EndsWith(Because, StringComparison.Ordinal) ? text.Replace(Because, "", StringComparison.Ordinal).Trim() : text;
    }

    private static string Input(ScienceQaProblem problem, string parts, string format, bool useCaption)
    {
        string context = $"{problem.Hint} {(useCaption ? problem.Caption : "")}".Trim();
        string question
            = $"Question: {problem.Question}\n", given = $"Context: {(context.Length == 0 ? "N/A" : context)}\n", choices = $"Options: {Choices(problem)}\n";
        string lecture = OneLine(problem.Lecture), solution = OneLine(problem.Solution);
        return parts switch
        {
            "CQM" => given + question + choices,
            "QCM" => question + given + choices,
            "QCML" => $"{question}{given}{choices}{Because} {lecture}\n",
            "QCME" => $"{question}{given}{choices}{Because} {solution}\n",
            "QCMLE" => $"{question}{given}{choices}{Because} {lecture} {solution}\n",
            "QCLM" => $"{question}{given}{Because} {lecture}\n{choices}",
            "QCEM" => $"{question}{given}{Because} {solution}\n{choices}",
            "QCLEM" => $"{question}{given}{Because} {lecture} {solution}\n{choices}",
            _ => throw Unknown(format),
        };
    }

    private static string Output(ScienceQaProblem problem, string parts, string format)
    {
        string answer = $"The answer is {Options[problem.Answer]}.", lecture = OneLine(problem.Lecture), solution = OneLine(problem.Solution);
        return parts switch
        {
            "A" => answer,
            "AL" => $"{answer} {Because} {solution}",
            "AE" => $"{answer} {Because} {lecture}",
            "ALE" => $"{answer} {Because} {lecture} {solution}",
            "AEL" => $"{answer} {Because} {solution} {lecture}",
            "LA" => $"{lecture} {answer}",
            "EA" => $"{solution} {answer}",
            "LEA" => $"{lecture} {solution} {answer}",
            "ELA" => $"{solution} {lecture} {answer}",
            _ => throw Unknown(format),
        };
    }

    private static string Choices(ScienceQaProblem problem)
        => problem.Choices.Count <= Options.Length && problem.Answer >= 0 && problem.Answer < problem.Choices.Count
            ? string.Join(' ', problem.Choices.Select((choice, i) => $"({Options[i]}) {choice}"))
            : throw new ApertureException(
                $"A ScienceQA question has at most {Options.Length} choices and the answer is one of them, but this one has {problem.Choices.Count} and the "
                + $"answer {problem.Answer}.");

    private static string OneLine(string text) => text.Replace("\n", "\\n", StringComparison.Ordinal);

    // Once over the text, as the official code does: three blanks become two.
    private static string Tidy(string text) => text.Replace("  ", " ", StringComparison.Ordinal).Trim();

    private static (string Input, string Output) Split(string format) => format.Split('-') is [var input, var output] ? (input, output) : throw Unknown(format);

    private static ApertureException Unknown(string format)
        => new(
            $"The ScienceQA format '{format}' is unknown; use CQM, QCM, QCML, QCME, QCMLE, QCLM, QCEM or QCLEM, a hyphen, and A, AL, AE, ALE, AEL, LA, EA, "
            + "LEA or ELA.");
}
