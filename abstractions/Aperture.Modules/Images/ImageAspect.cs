namespace Aperture.Images;

/// <summary>What an image becomes before the CLIP processor.</summary>
public enum ImageAspect
{
    /// <summary>Padded to a square with the mean colour (the authors' code for LLaVA-1.5).</summary>
    Pad,

    /// <summary>Shortest edge resized, centre cut out (the Hugging Face processor).</summary>
    Crop,

    /// <summary>Looked at as a whole, squashed, and once more in tiles of a canvas that fits it (LLaVA-1.6), by models that were trained so.</summary>
    AnyRes,
}
