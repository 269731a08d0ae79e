namespace Aperture.Text;

/// <summary>A token that is recognised in the text before the vocabulary's own algorithm sees it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its spelling.</param>
public sealed record AddedToken(int Id, string Content)
{
    /// <summary>Whether it is a special token, left out of decoded text on request.</summary>
    public bool Special { get; init; } = true;

    /// <summary>Whether it is looked for in the normalised text instead of the text as written. Only <c>tokenizer.json</c> distinguishes the two.</summary>
    public bool Normalized { get; init; }

    /// <summary>Whether it swallows the blanks on its left.</summary>
    public bool LStrip { get; init; }

    /// <summary>Whether it swallows the blanks on its right.</summary>
    public bool RStrip { get; init; }

    /// <summary>Whether it counts only where no letter, digit or underscore touches it.</summary>
    public bool SingleWord { get; init; }
}
