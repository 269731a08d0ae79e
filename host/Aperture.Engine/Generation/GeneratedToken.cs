namespace Aperture.Generation;

/// <summary>A token as it is generated.</summary>
/// <param name="Sequence">Index of the sequence in the batch.</param>
/// <param name="Index">How many tokens the sequence had before it.</param>
/// <param name="Token">The token's id.</param>
/// <param name="Finish">Why the sequence ends with it; null while it goes on.</param>
public readonly record struct GeneratedToken(int Sequence, int Index, int Token, FinishReason? Finish);
