namespace Aperture.Weights;

/// <summary>Which Python sequence a <see cref="PickledSequence"/> was.</summary>
public enum PickledSequenceKind
{
    /// <summary>A <c>list</c>.</summary>
    List,

    /// <summary>A <c>tuple</c>.</summary>
    Tuple,

    /// <summary>A <c>set</c> or <c>frozenset</c>.</summary>
    Set,

    /// <summary>A <c>torch.Size</c>.</summary>
    Size,
}
