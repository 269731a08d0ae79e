using Aperture.Requests;

namespace Aperture.Workshop;

/// <summary>A question about a shelf with its exact answer.</summary>
/// <param name="Type">What it asks for.</param>
/// <param name="Question">The question as a person writes it.</param>
/// <param name="Answer">The only right answer.</param>
public sealed record ShelfQuestion(ShelfQuestionType Type, string Question, string Answer)
{
    /// <summary>Name of a type in evaluation files, such as <c>count-kind</c>.</summary>
    /// <param name="type">The type.</param>
    public static string NameOf(ShelfQuestionType type) => type switch
    {
        ShelfQuestionType.WhatAt => "what-at",
        ShelfQuestionType.ColorAt => "color-at",
        ShelfQuestionType.IsAt => "is-at",
        ShelfQuestionType.Where => "where",
        ShelfQuestionType.ColorOf => "color-of",
        ShelfQuestionType.IsThere => "is-there",
        ShelfQuestionType.CountKind => "count-kind",
        ShelfQuestionType.CountColor => "count-color",
        ShelfQuestionType.LeftOf => "left-of",
        ShelfQuestionType.RightOf => "right-of",
        ShelfQuestionType.FindKind => "find-kind",
        ShelfQuestionType.FindColor => "find-color",
        ShelfQuestionType.NumberAt => "number-at",
        ShelfQuestionType.NumberOf => "number-of",
        ShelfQuestionType.WhereNumber => "where-number",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Not a type of question."),
    };
}
