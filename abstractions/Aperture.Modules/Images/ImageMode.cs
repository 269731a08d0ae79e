namespace Aperture.Images;

/// <summary>How one pixel is stored. The names are Pillow's, so that its documentation applies.</summary>
public enum ImageMode
{
    /// <summary>Black or white, one byte a pixel: 0 or 255 (Pillow's mode <c>1</c>).</summary>
    Bilevel,

    /// <summary>Grey, one byte a pixel.</summary>
    L,

    /// <summary>Grey and alpha, two bytes a pixel, not premultiplied.</summary>
    LA,

    /// <summary>Index into a palette of at most 256 colours, one byte a pixel.</summary>
    P,

    /// <summary>Red, green, blue, three bytes a pixel.</summary>
    RGB,

    /// <summary>Red, green, blue, alpha, four bytes a pixel, not premultiplied.</summary>
    RGBA,

    /// <summary>One 32-bit signed integer a pixel. 16-bit grey PNG files open in this mode with values from 0 to 65535.</summary>
    I,

    /// <summary>One 32-bit float a pixel.</summary>
    F,
}
