namespace Aperture.Decoding;

/// <summary>How the matrices of linear layers are kept and multiplied. Norms, embeddings and convolutions stay as they are.</summary>
public enum WeightFormat
{
    /// <summary>As the checkpoint stores them.</summary>
    Stored,

    /// <summary>Eight bits with a scale for each output; activations are quantised row by row as they come.</summary>
    Int8,
}
