using System.Text.Json;
using Aperture.Files;
using Aperture.Models;

namespace Aperture.Plugins.GammaMod.Calibration;

/// <summary>What a calibration found: ARank of each layer, and the layers chosen by it. Training takes its MoD layers from here.</summary>
internal sealed record ArankFile
{
    /// <summary>Where it lies by default, relative to the model's folder.</summary>
    public const string Place = RouterLookup.Folder + "/arank.json";

    private const long LargestFile = 1 << 20;

    public string Model { get; init; } = "";

    public int Samples { get; init; }

    /// <summary>Mean number of rows of a sample.</summary>
    public double SeqLenMean { get; init; }

    /// <summary>Mean over heads and samples, one a layer.</summary>
    public double[] Arank { get; init; } = [];

    /// <summary>Layers below this were chosen: the threshold given, or the lowest ARank of those that stay dense.</summary>
    public double Threshold { get; init; }

    public int[] ModLayersIdx { get; init; } = [];

    /// <summary>The layers chosen for a model by the file in its folder; null where there is none.</summary>
    /// <param name="folder">The model's folder; null for a model without one.</param>
    /// <param name="model">Name of the model, for messages.</param>
    /// <param name="layers">Number of layers of the decoder.</param>
    /// <exception cref="ApertureException">The file is damaged or of another model.</exception>
    public static int[]? LayersFor(string? folder, string model, int layers)
    {
        string? path = folder is null ? null : Path.Combine(folder, Place);
        if (path is null || !File.Exists(path))
        {
            return null;
        }

        ArankFile? read = null;
        try
        {
            read = new FileInfo(path).Length <= LargestFile ? JsonText.Record(InputFile.Bytes(path, LargestFile), FilesJson.Default.ArankFile) : null;
        }
        catch (JsonException error)
        {
            throw new ApertureException(
                $"{GammaModFactory.MethodName}: '{path}' is damaged ({error.Path ?? "at its start"}); fit again, or give Layers.", error);
        }

        return read is { Arank: { } arank, ModLayersIdx: { } chosen } && arank.Length == layers
            ? LayerModes.Checked(chosen, path, model, layers)
            : throw GammaModFactory.Error($"'{path}' holds no ARank of {layers} layers, as {model} has; fit again, or give Layers");
    }

    public void Write(string path) => AtomicFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(this, FilesJson.Default.ArankFile));
}
