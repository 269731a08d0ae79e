namespace Aperture.Scripting;

/// <summary>What a piece of code is, as far as colours tell it apart.</summary>
public enum CodeKind
{
    /// <summary>Operators, punctuation and names of nothing in particular.</summary>
    Plain,

    /// <summary>A keyword.</summary>
    Keyword,

    /// <summary>A keyword that steers: <c>if</c>, <c>return</c>, <c>await</c>.</summary>
    Control,

    /// <summary>A class, structure, interface, enumeration, delegate or type parameter.</summary>
    Type,

    /// <summary>A method.</summary>
    Method,

    /// <summary>A field, property, event or constant.</summary>
    Member,

    /// <summary>A local variable or parameter.</summary>
    Variable,

    /// <summary>A text or character literal.</summary>
    Text,

    /// <summary>A number.</summary>
    Number,

    /// <summary>A comment.</summary>
    Comment,

    /// <summary>A directive such as <c>#r</c>.</summary>
    Directive,
}
