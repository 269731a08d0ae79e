using System.ComponentModel.DataAnnotations;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet;

/// <summary>What a user may set when opening a generator.</summary>
// Settable, not init-only: source-generated JSON gives init-only properties that are absent no default value.
internal sealed record FaceOptions : IMethodOptions
{
    public const string Picture = "picture", Depth = "depth", Points = "points", Normals = "normals", Gradient = "gradient", Rays = "rays";
    public const string Folded = "folded", Direct = "direct";

    /// <summary>Folder or file of CLIP's text encoder; none looks for a folder named clip beside the checkpoint.</summary>
    public string? Clip { get; set; }

    /// <summary>Folder with CLIP's tokenizer; none takes the one that lies with the encoder.</summary>
    public string? Tokenizer { get; set; }

    /// <summary>Whether a checkpoint without a text part is opened all the same, and makes faces of the seed alone.</summary>
    public bool IgnoreText { get; set; }

    /// <summary>Element type of the blocks behind the first; rays, styles and enhancer are float32 always.</summary>
    [AllowedValues("float32", "bfloat16")]
    public string Type { get; set; } = "float32";

    /// <summary>
    /// What a view's picture shows: the face, or where rays end: depth, points, normals from them or from the density's gradient, or the rays' colours.
    /// </summary>
    [AllowedValues(Picture, Depth, Points, Normals, Gradient, Rays)]
    public string Render { get; set; } = Picture;

    /// <summary>Samples of a ray through the face; none takes the model's.</summary>
    [Range(2, 512)]
    public int? RaySamples { get; set; }

    /// <summary>Samples of a ray behind it; none takes the model's.</summary>
    [Range(2, 512)]
    public int? BackgroundSamples { get; set; }

    /// <summary>Whether as many samples again are placed where the first found something.</summary>
    public bool Hierarchical { get; set; } = true;

    /// <summary>Whether what is behind the face is rendered.</summary>
    public bool Background { get; set; } = true;

    /// <summary>Whether an edited face has the background of the original; else the one that the published programs draw for it.</summary>
    public bool ShareBackground { get; set; } = true;

    /// <summary>Factor on the background's noise.</summary>
    [Range(0.0, 10.0)]
    public double Temperature { get; set; } = 0.65;

    /// <summary>How many of the style's copies truncation holds; none for all.</summary>
    [Range(0, 1000)]
    public int? TruncationCutoff { get; set; }

    /// <summary>Factor on what sentences add to the styles of blocks; 0 leaves the enhancer out.</summary>
    [Range(0.0, 10.0)]
    public double EnhancerStrength { get; set; } = 1;

    /// <summary>How the enhancer multiplies: step by step, or with what belongs to the sentence multiplied beforehand, which is less work and equal up to
    /// rounding.</summary>
    [AllowedValues(Folded, Direct)]
    public string Enhancer { get; set; } = Folded;

    /// <summary>Whether the styles' offsets are those of the first view in all views: less work, and views that agree more.</summary>
    public bool ShareOffsets { get; set; }

    /// <summary>Whether EditAlpha may lie outside 0 to 1.</summary>
    public bool Extrapolate { get; set; }

    /// <summary>Views that are rendered at once; none takes 1 on the processor, else 4.</summary>
    [Range(1, 64)]
    public int? ViewBatch { get; set; }

    /// <summary>Rows of rays that are rendered at once, which bounds memory; none takes as many as 64 MB of values allow.</summary>
    [Range(1, 4096)]
    public int? SliceRows { get; set; }

    /// <summary>How matrices are kept; as stored always, because a generator's weights are made anew by the styles of every face.</summary>
    public string Weights { get; set; } = "stored";

    public void Validate()
    {
        if (Weights != "stored")
        {
            throw new ApertureException(
                $"{FaceFactory.GeneratorName}: Weights is {Weights}, but a generator's weights are made anew by the styles of every face, so that there is "
                + "nothing to keep in few bits; leave Weights out.");
        }

        if (Hierarchical && RaySamples is < 4)
        {
            throw new ApertureException(
                $"{FaceFactory.GeneratorName}: RaySamples is {RaySamples}, but placing samples where others found something takes 4 or more; give more, or set "
                + "Hierarchical to false.");
        }
    }

    internal ScalarType ElementType => Type == "bfloat16" ? ScalarType.BFloat16 : ScalarType.Float32;
}
