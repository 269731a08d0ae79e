namespace Aperture.Workshop;

/// <summary>What a question asks for.</summary>
public enum ShelfQuestionType
{
    /// <summary>What stands at a named place.</summary>
    WhatAt,

    /// <summary>The colour of the item at a named place.</summary>
    ColorAt,

    /// <summary>Whether an item of a kind stands at a named place.</summary>
    IsAt,

    /// <summary>The place of the only item of a colour and kind.</summary>
    Where,

    /// <summary>The colour of the only item of a kind.</summary>
    ColorOf,

    /// <summary>Whether there is an item of a colour and kind.</summary>
    IsThere,

    /// <summary>How many items of a kind there are.</summary>
    CountKind,

    /// <summary>How many items of a colour there are.</summary>
    CountColor,

    /// <summary>What stands directly left of an item.</summary>
    LeftOf,

    /// <summary>What stands directly right of an item.</summary>
    RightOf,

    /// <summary>The places of all items of a kind.</summary>
    FindKind,

    /// <summary>The places of all items of a colour.</summary>
    FindColor,

    /// <summary>The number on the label at a named place.</summary>
    NumberAt,

    /// <summary>The number on the label of the only item of a colour and kind.</summary>
    NumberOf,

    /// <summary>The place of the label with a number.</summary>
    WhereNumber,
}
