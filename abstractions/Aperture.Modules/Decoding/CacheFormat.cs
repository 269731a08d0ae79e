namespace Aperture.Decoding;

/// <summary>How a decoder's cache keeps keys and values.</summary>
public enum CacheFormat
{
    /// <summary>In the element type computed in.</summary>
    Computed,

    /// <summary>In bf16: half of what float32 takes.</summary>
    BFloat16,

    /// <summary>In eight bits, a row of each head with a scale of its own: a quarter of what float32 takes, and a float a row and head.</summary>
    Int8,
}
