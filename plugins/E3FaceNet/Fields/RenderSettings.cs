using Aperture.Plugins.E3FaceNet.Cameras;

namespace Aperture.Plugins.E3FaceNet.Fields;

/// <summary>How rays are rendered.</summary>
internal sealed record RenderSettings
{
    /// <summary>Samples through the face; as many again are placed where <see cref="Hierarchical"/>.</summary>
    public required int Samples { get; init; }

    /// <summary>Samples behind it.</summary>
    public required int BackgroundSamples { get; init; }

    /// <summary>Whether samples are placed where the first ones found something.</summary>
    public bool Hierarchical { get; init; } = true;

    /// <summary>Whether the face is rendered.</summary>
    public bool Face { get; init; } = true;

    /// <summary>Whether what is behind it is rendered; else the last sample of a ray lets nothing pass.</summary>
    public bool Background { get; init; } = true;

    /// <summary>Rays of another camera for the background; null for the same. Borrowed.</summary>
    public Rays? BackgroundRays { get; init; }

    /// <summary>Rows of rays that are rendered at once, which bounds memory; 0 for all.</summary>
    public int SliceRows { get; init; }

    /// <summary>Whether each sample's values are kept beside what rays show.</summary>
    public bool KeepsSamples { get; init; }
}
