using Aperture.Decoding;
using Aperture.Models;
using Aperture.Weights;

namespace Aperture.Plugins.Eas;

/// <summary>Finds a model's adapters: the file an option names, the one that training put beside the model, or the checkpoint itself.</summary>
internal static class EasFiles
{
    /// <summary>Where training's adapters lie in a model's folder.</summary>
    public const string Beside = "eas/adapters.safetensors";

    /// <summary>Loads the adapters.</summary>
    /// <param name="options">The options.</param>
    /// <param name="decoder">The decoder they must fit.</param>
    /// <param name="files">Finds files.</param>
    /// <returns>The caller disposes them.</returns>
    /// <exception cref="ApertureException">There are none, or they are of another decoder.</exception>
    public static EasAdapters Load(EasOptions options, DecoderInfo decoder, IMethodFiles files)
    {
        if (options.Adapters is { Length: > 0 } named)
        {
            return Open(files.Resolve(named), decoder, options);
        }

        if (files.ModelFolder is { } folder)
        {
            string beside = Path.Combine(folder, Beside);
            if (File.Exists(beside))
            {
                return Open(beside, decoder, options);
            }
        }

        if (files.Checkpoint is { } checkpoint && EasAdapters.In(checkpoint))
        {
            return EasAdapters.Load(checkpoint, decoder, options.Shape, $"the checkpoint of {decoder.Model}");
        }

        throw EasAdapters.Error(
            $"{decoder.Model} has no adapters, neither in its checkpoint nor in {Beside} beside it; train them with 'aperture train eas', or name a file "
            + "with Adapters");
    }

    private static EasAdapters Open(string path, DecoderInfo decoder, EasOptions options)
    {
        using IWeightSource source = WeightFiles.Open(path);
        return EasAdapters.Load(source, decoder, options.Shape, $"'{path}'");
    }
}
