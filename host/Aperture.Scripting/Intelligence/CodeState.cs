namespace Aperture.Scripting;

/// <summary>Whether a text can be run.</summary>
public enum CodeState
{
    /// <summary>A whole submission.</summary>
    Complete,

    /// <summary>The user is still in the middle of a block, an expression or a text literal.</summary>
    Incomplete,

    /// <summary>No further text can mend it.</summary>
    Invalid,
}
