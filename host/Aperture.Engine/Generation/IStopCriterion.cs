namespace Aperture.Generation;

/// <summary>Ends a sequence by what was generated. Asked after each token; holds no state of a sequence.</summary>
public interface IStopCriterion
{
    /// <summary>Whether the sequence ends here.</summary>
    /// <param name="tokens">The new tokens of the sequence so far, at least one.</param>
    bool IsMet(ReadOnlySpan<int> tokens);
}
