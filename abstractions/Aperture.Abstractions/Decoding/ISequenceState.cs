namespace Aperture.Decoding;

/// <summary>What a method remembers per sequence between forwards. Disposed with the request.</summary>
public interface ISequenceState : IDisposable
{
    /// <summary>Re-orders the state with the sequences, as beam search does: entry <c>i</c> becomes what entry <c>indices[i]</c> was.</summary>
    /// <param name="indices">For each new sequence the old one it continues.</param>
    void Select(ReadOnlySpan<int> indices);
}
