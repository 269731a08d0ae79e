namespace Aperture.Images;

/// <summary>The resampling filters of Pillow. The values are those of <c>resample</c> in a checkpoint's preprocessor_config.json.</summary>
public enum ResampleFilter
{
    /// <summary>The nearest source pixel.</summary>
    Nearest = 0,

    /// <summary>Sinc windowed by a sinc, three lobes.</summary>
    Lanczos = 1,

    /// <summary>Triangle.</summary>
    Bilinear = 2,

    /// <summary>Cubic with a = -0.5; what CLIP, SigLIP and LLaVA were trained with.</summary>
    Bicubic = 3,

    /// <summary>Mean over the covered area.</summary>
    Box = 4,

    /// <summary>Sinc in a Hamming window, one lobe.</summary>
    Hamming = 5,
}
