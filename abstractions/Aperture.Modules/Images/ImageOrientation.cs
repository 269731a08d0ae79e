namespace Aperture.Images;

/// <summary>The EXIF orientation tag (0x0112): how the stored pixels have to be turned to be shown upright. The values are EXIF's.</summary>
public enum ImageOrientation
{
    /// <summary>Stored upright.</summary>
    Upright = 1,

    /// <summary>Mirror left and right.</summary>
    MirrorHorizontal = 2,

    /// <summary>Turn by 180 degrees.</summary>
    Rotate180 = 3,

    /// <summary>Mirror top and bottom.</summary>
    MirrorVertical = 4,

    /// <summary>Exchange rows and columns.</summary>
    Transpose = 5,

    /// <summary>Turn by 90 degrees clockwise.</summary>
    Rotate90 = 6,

    /// <summary>Exchange rows and columns along the other diagonal.</summary>
    Transverse = 7,

    /// <summary>Turn by 270 degrees clockwise.</summary>
    Rotate270 = 8,
}
