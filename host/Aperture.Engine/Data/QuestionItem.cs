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
    /// <summary>The answers of all annotators, usually ten; empty where the file gives one answer only.</summary>
    public IReadOnlyList<string> Answers { get; init; } = [];

    /// <summary>What can be chosen among; empty for an open question.</summary>
    public IReadOnlyList<string> Choices { get; init; } = [];

    /// <summary>A text that goes with the question; empty for none.</summary>
    public string Hint { get; init; } = "";
}
