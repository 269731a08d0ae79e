namespace Aperture.Sequences;

/// <summary>What a row of a sequence stands for.</summary>
public enum SpanKind
{
    /// <summary>Text before the first image: begin-of-sequence token, system prompt, role name.</summary>
    System,

    /// <summary>Text after the first image, or any text of a prompt without images.</summary>
    Text,

    /// <summary>A visual token that has a place in an image's grid.</summary>
    Image,

    /// <summary>A visual row without a place in the grid, such as LLaVA-NeXT's row separator.</summary>
    ImageSeparator,

    /// <summary>A learned query token.</summary>
    LearnedQuery,

    /// <summary>A token that the model generated, or a given answer token.</summary>
    Generated,

    /// <summary>Padding. Present in training rectangles only: inference runs ragged.</summary>
    Pad,
}
