using System.Globalization;
using Aperture.Weights;

namespace Aperture.Vision;

/// <summary>
/// Views of ConvNeXt checkpoints under timm's names, the layer-scale called <c>weight</c> as models with a high-resolution tower write it. What a classifier
/// adds is left out.
/// </summary>
public static class ConvNextNames
{
    private const string Trunk = "visual.trunk.";

    /// <summary>
    /// Views a checkpoint of timm, of open_clip (<c>visual.trunk.</c>), of Facebook (<c>downsample_layers.</c>) or one whose names are these already.
    /// </summary>
    /// <param name="source">The checkpoint; borrowed, and must outlive the view.</param>
    /// <returns>The view; the caller disposes it.</returns>
    public static IWeightSource View(IWeightSource source)
    {
        bool openClip = source.Contains(Trunk + "stem.0.weight"), facebook = source.Contains("downsample_layers.0.0.weight");
        return source.Rename(name => Rename(name, openClip, facebook));
    }

    /// <summary>A tensor's name in the view.</summary>
    /// <param name="name">Its name in the checkpoint.</param>
    /// <param name="openClip">Whether the checkpoint is open_clip's.</param>
    /// <param name="facebook">Whether the checkpoint is Facebook's.</param>
    /// <returns>The name; null for what is no part of the trunk.</returns>
    public static string? Rename(string name, bool openClip, bool facebook)
    {
        if (openClip)
        {
            return name.StartsWith(Trunk, StringComparison.Ordinal) ? Rename(name[Trunk.Length..], openClip: false, facebook) : null;
        }

        string[] parts = (facebook ? FromFacebook(name) : name).Split('.');
        return parts[0] is not ("stem" or "stages") ? null
            : parts[^1] == "gamma" ? string.Join('.', [.. parts[..^1], "weight"])
            : string.Join('.', parts);
    }

    // downsample_layers.0.* -> stem.*, downsample_layers.i.* -> stages.i.downsample.*, stages.i.j.* -> stages.i.blocks.j.*,
    // dwconv -> conv_dw, pwconv1 -> mlp.fc1, pwconv2 -> mlp.fc2.
    private static string FromFacebook(string name)
    {
        string[] parts = name.Split('.');
        if (parts[0] == "downsample_layers" && parts.Length > 2)
        {
            return parts[1] == "0" ? string.Join('.', ["stem", .. parts[2..]]) : string.Join('.', ["stages", parts[1], "downsample", .. parts[2..]]);
        }

        if (parts[0] != "stages" || parts.Length < 4 || !int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out _))
        {
            return name;
        }

        string[] within = parts[3] switch
        {
            "dwconv" => ["conv_dw", .. parts[4..]],
            "pwconv1" => ["mlp", "fc1", .. parts[4..]],
            "pwconv2" => ["mlp", "fc2", .. parts[4..]],
            _ => parts[3..],
        };
        return string.Join('.', ["stages", parts[1], "blocks", parts[2], .. within]);
    }
}
