using System.ComponentModel.DataAnnotations;
using Aperture.Decoding;
using Aperture.Plugins.DtNet.Data;
using Aperture.Plugins.DtNet.Paths;

namespace Aperture.Plugins.DtNet;

/// <summary>What a user may set when opening a DTNet.</summary>
// Settable, not init-only: source-generated JSON gives init-only properties that are absent no default value.
internal sealed record DtNetOptions : IMethodOptions
{
    /// <summary>File with the words by their ids, the official pickle or a JSON list; null looks beside the checkpoint.</summary>
    public string? Vocabulary { get; set; }

    /// <summary>File or folder with features of pictures by their ids: HDF5, .npz, .safetensors, or a folder of ID.npy; null for none.</summary>
    public string? Features { get; set; }

    /// <summary>Which array of a picture in that file to read.</summary>
    public FeatureKey FeatureKey { get; set; } = FeatureKey.Auto;

    /// <summary>Whether a picture without features in that file is captioned as an empty one instead of being refused.</summary>
    public bool AllowMissing { get; set; }

    /// <summary>
    /// Folder of a CLIP tower, or of a model that has one, which encodes pictures; its grid is pooled to the checkpoint's. Null takes no pictures.
    /// </summary>
    public string? Tower { get; set; }

    /// <summary>Further checkpoints that caption together with the first, by the mean of their log-probabilities.</summary>
    public string[] Ensemble { get; set; } = [];

    /// <summary>Beams of the search.</summary>
    [Range(1, 1_000_000)]
    public int Beams { get; set; } = 5;

    /// <summary>Tokens of a caption at most, its end among them; null for 20, or as many as the checkpoint has positions for.</summary>
    [Range(1, 1_000_000)]
    public int? LongestCaption { get; set; }

    /// <summary>Whether a word that follows itself is left out of the text, as in the official evaluation.</summary>
    public bool DropRepeats { get; set; } = true;

    /// <summary>What is made of the routers' weights.</summary>
    public RouteMode Route { get; set; } = RouteMode.Soft;

    /// <summary>Cells of a stage that run at most, for the route Top.</summary>
    [Range(1, 3)]
    public int RouteMost { get; set; } = 1;

    /// <summary>Weight from which on a cell runs, for the route Threshold.</summary>
    [Range(0.0, 1.0)]
    public double RouteThreshold { get; set; } = 0.3;

    /// <summary>Seed of the route Random.</summary>
    public long RouteSeed { get; set; } = 1;

    /// <summary>Weight from which on a cell counts as passed in the statistics of paths.</summary>
    [Range(0.0, 1.0)]
    public double PathThreshold { get; set; } = 0.3;

    /// <summary>Whether the local cells' convolutions are folded, which is exact and saves a few small operations.</summary>
    public bool RepFold { get; set; }

    /// <summary>Element type computed in; routers and softmax stay in float32.</summary>
    [AllowedValues("float32", "bfloat16", "float16")]
    public string Precision { get; set; } = "float32";

    /// <summary>
    /// How the matrices of linear layers are kept, those of a tower included: as stored, or int8 in eight bits, on the CPU. Routers, geometry and convolutions
    /// stay.
    /// </summary>
    [AllowedValues(WeightFormats.Stored, WeightFormats.Int8)]
    public string Weights { get; set; } = WeightFormats.Stored;

    internal WeightFormat Format => WeightFormats.Find(Weights) ?? WeightFormat.Stored;

    /// <summary>How the routers' weights are used.</summary>
    internal RoutePlan RoutePlan => new(Route, RouteMost, RouteThreshold, RouteSeed);

    public void Validate()
    {
        if (PathThreshold is <= 0 or >= 1)
        {
            throw new ApertureException($"{DtNetFactory.CaptionerName}: PathThreshold is {PathThreshold}; give a number between 0 and 1.");
        }
    }
}
