namespace Aperture.Vision;

/// <summary>A rectangle in a picture, in pixels of the picture as it was given. It may reach beyond the picture's edges where an encoder pads.</summary>
/// <param name="X">Left edge.</param>
/// <param name="Y">Upper edge.</param>
/// <param name="Width">Width.</param>
/// <param name="Height">Height.</param>
public readonly record struct PictureArea(double X, double Y, double Width, double Height);
