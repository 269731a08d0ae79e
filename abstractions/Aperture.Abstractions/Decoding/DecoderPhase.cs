namespace Aperture.Decoding;

/// <summary>What the decoder is doing. Hooks declare the phases they want to be called in.</summary>
[Flags]
public enum DecoderPhase
{
    /// <summary>No phase.</summary>
    None = 0,

    /// <summary>The prompt runs on an empty cache.</summary>
    Prefill = 1,

    /// <summary>Several rows run onto a live cache, such as a later turn of a chat.</summary>
    Append = 2,

    /// <summary>One row a sequence runs onto a live cache.</summary>
    Decode = 4,

    /// <summary>A padded rectangle runs with gradients and without a cache.</summary>
    Train = 8,

    /// <summary>All phases.</summary>
    All = Prefill | Append | Decode | Train,
}
