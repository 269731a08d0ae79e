namespace Aperture.Decoding;

/// <summary>How the matrices of linear layers are kept and multiplied. Norms, embeddings and convolutions stay as they are.</summary>
public enum WeightFormat
{
    /// <summary>As the checkpoint stores them.</summary>
    Stored,

    /// <summary>Eight bits with a scale for each output; activations are quantised row by row as they come.</summary>
    Int8,

    /// <summary>Four bits in groups of 32 inputs with a factor and a zero each, and a scale for each output; activations as for <see cref="Int8"/>.</summary>
    Int4,
}
