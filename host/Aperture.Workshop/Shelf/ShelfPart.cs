namespace Aperture.Workshop;

/// <summary>Which of the two disjoint sets of item photographs pictures are composed from.</summary>
public enum ShelfPart
{
    /// <summary>The 60,000 photographs for training.</summary>
    Training,

    /// <summary>The 10,000 photographs that training never sees.</summary>
    HeldOut,
}
