using Aperture.Requests;

namespace Aperture.Data;

/// <summary>One line of a question file.</summary>
/// <param name="Id">What tells it from the others: its <c>question_id</c>, else its line number.</param>
/// <param name="Image">Full path of the picture; null for a question without one.</param>
/// <param name="Question">The question, without an image placeholder.</param>
/// <param name="Answer">The right answer; null where the file gives none.</param>
/// <param name="Type">The kind of question, for figures by kind; empty where the file gives none.</param>
public sealed record QuestionItem(string Id, string? Image, string Question, string? Answer, string Type)
{
    /// <summary>Several right answers, or those of all annotators, usually ten; empty where the file gives one answer only.</summary>
    public IReadOnlyList<string> Answers { get; init; } = [];

    /// <summary>What can be chosen among; empty for an open question.</summary>
    public IReadOnlyList<string> Choices { get; init; } = [];

    /// <summary>A text that goes with the question; empty for none.</summary>
    public string Hint { get; init; } = "";

    /// <summary>The question file as it was named; null for a question that comes from none.</summary>
    public string? File { get; init; }

    /// <summary>Its line in <see cref="File"/>, from 1; 0 for a question that comes from none.</summary>
    public int Line { get; init; }

    /// <summary>Every answer that counts as right, each once; empty where the file gives none.</summary>
    public IReadOnlyList<string> RightAnswers => [.. (Answer is null ? Answers : Answers.Prepend(Answer)).Distinct(StringComparer.Ordinal)];

    /// <summary>How messages name it: file and line, else its id.</summary>
    public string Where => File is null ? $"Question '{Id}'" : $"{File}({Line})";
}
