namespace Aperture.Decoding;

/// <summary>How padding rows of a training rectangle attend. They are rows that hooks see and count under either rule.</summary>
public enum PaddingRule
{
    /// <summary>As any row: causal, so that right padding changes no real row.</summary>
    Ordinary,

    /// <summary>Not at all: no row sees them, and their own attention output is zero, as kernels for sequences of unequal length leave it.</summary>
    ZeroAttention,
}
