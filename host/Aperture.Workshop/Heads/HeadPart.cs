namespace Aperture.Workshop;

/// <summary>Which of the two disjoint sets of attributes together heads are drawn from.</summary>
public enum HeadPart
{
    /// <summary>Five of six combinations of attributes.</summary>
    Training,

    /// <summary>The combinations that training never sees.</summary>
    HeldOut,
}
