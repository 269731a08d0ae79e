namespace Aperture.Generation;

/// <summary>Why a sequence ended.</summary>
public enum FinishReason
{
    /// <summary>The model gave an end-of-sequence token.</summary>
    EndOfSequence,

    /// <summary>A stop criterion was met.</summary>
    Stop,

    /// <summary>The largest number of new tokens was reached.</summary>
    Length,

    /// <summary>It was stopped on the way, in a chat that keeps what there was.</summary>
    Stopped,
}
