namespace Aperture.Workshop;

/// <summary>The stages of training the small model. The first two do not need each other and may run side by side.</summary>
public enum ShelfStage
{
    /// <summary>Tower and projector learn to say each patch's kind, colour, row and column in the decoder's word embeddings.</summary>
    Vision,

    /// <summary>The decoder learns to answer on shelves that are told in word embeddings instead of shown.</summary>
    Language,

    /// <summary>Decoder and projector learn on pictures, behind the tower as it is.</summary>
    Joined,
}
