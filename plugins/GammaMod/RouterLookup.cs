using Aperture.Decoding;
using Aperture.Models;
using Aperture.Weights;

namespace Aperture.Plugins.GammaMod;

/// <summary>Finds a model's routers: in a file that the user names, in the checkpoint itself, or in the file that training writes beside it.</summary>
internal static class RouterLookup
{
    /// <summary>Folder of the method's files in a model's folder.</summary>
    public const string Folder = "gamma-mod";

    /// <summary>Where trained routers lie, relative to the model's folder.</summary>
    public const string File = Folder + "/router.safetensors";

    /// <summary>Loads the routers.</summary>
    /// <exception cref="ApertureException">There are none, or they do not fit the model.</exception>
    public static RouterWeights Find(GammaModOptions options, DecoderInfo decoder, IMethodFiles files, CheckpointSettings checkpoint)
    {
        int[]? layers = LayerModes.Named(options.Layers, decoder.Model, decoder.Layers);
        if (options.Weights is { } named)
        {
            return FromFile(files.Resolve(named), layers, decoder);
        }

        if (files.Checkpoint is { } own && RouterWeights.Find(own) is { Count: > 0 } routers)
        {
            layers ??= checkpoint.Layers is { } published ? LayerModes.Checked(published, CheckpointSettings.LayersPlace, decoder.Model, decoder.Layers) : null;
            return RouterWeights.Load(own, routers, layers, decoder);
        }

        string? trained = files.ModelFolder is { } folder ? Path.Combine(folder, File) : null;
        return trained is not null && System.IO.File.Exists(trained)
            ? FromFile(trained, layers, decoder)
            : throw GammaModFactory.Error(
                $"{decoder.Model} has no routers ({RouterWeights.KeyOf(0).Replace("0", "N", StringComparison.Ordinal)}), neither in its checkpoint nor in "
                + $"{File}; train them, or name a file with Weights");
    }

    private static RouterWeights FromFile(string path, int[]? layers, DecoderInfo decoder)
    {
        using IWeightSource source = WeightFiles.Open(path);
        SortedDictionary<int, string> routers = RouterWeights.Find(source);
        return routers.Count > 0
            ? RouterWeights.Load(source, routers, layers, decoder)
            : throw GammaModFactory.Error(
                $"'{path}' holds no router ({RouterWeights.KeyOf(0).Replace("0", "N", StringComparison.Ordinal)}); name a file that training wrote, or a "
                + "gamma-MoD checkpoint");
    }
}
