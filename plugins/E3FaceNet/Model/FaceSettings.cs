namespace Aperture.Plugins.E3FaceNet.Model;

/// <summary>What no tensor's shape tells of a model. The defaults are those of the published one; a model of other settings says them in its file.</summary>
// Settable, not init-only: source-generated JSON gives init-only properties that are absent no default value.
internal sealed record FaceSettings
{
    /// <summary>Attention heads of the style code enhancer.</summary>
    public int Heads { get; set; } = 8;

    /// <summary>Samples of a ray through the face; as many again are placed where these found something.</summary>
    public int RaySamples { get; set; } = 14;

    /// <summary>Samples of a ray behind the face.</summary>
    public int BackgroundSamples { get; set; } = 4;

    /// <summary>Distance from the camera at which the face's samples begin.</summary>
    public double Near { get; set; } = 0.88;

    /// <summary>Distance at which they end.</summary>
    public double Far { get; set; } = 1.12;

    /// <summary>Opening angle of the camera in degrees.</summary>
    public double FieldOfView { get; set; } = 12;

    /// <summary>Smallest yaw of the range that view points are counted in, in radians.</summary>
    public double YawLow { get; set; } = -0.3;

    /// <summary>Largest yaw of that range.</summary>
    public double YawHigh { get; set; } = 0.3;

    /// <summary>Smallest angle from the upright axis of that range, in radians.</summary>
    public double PolarLow { get; set; } = 1.4157963267948965;

    /// <summary>Largest angle from the upright axis.</summary>
    public double PolarHigh { get; set; } = 1.7257963267948966;

    /// <summary>Inverse radius at which the background begins.</summary>
    public double BackgroundStart { get; set; } = 0.5;

    /// <summary>Largest absolute value behind a convolution.</summary>
    public double Clamp { get; set; } = 256;

    /// <summary>Factor on the learning rate of the mapping network, which scales its weights.</summary>
    public double MappingRate { get; set; } = 0.01;

    /// <summary>Decay of the mean style in training.</summary>
    public double StyleDecay { get; set; } = 0.995;

    /// <summary>Decay of the mean magnitude of a convolution's input in training.</summary>
    public double MagnitudeDecay { get; set; } = 0.999;

    /// <summary>Side of the square of extra rays that training compares with the picture; 0 for none.</summary>
    public int RegularisedSide { get; set; } = 16;

    /// <summary>Whether the outermost rays pass through the corners of the picture.</summary>
    public bool AlignedCorners { get; set; } = true;
}
