using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Weights;
using Microsoft.Extensions.Logging.Abstractions;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.GammaMod.Tests;

/// <summary>A model folder of a test's own.</summary>
internal sealed class TestFiles : IMethodFiles, IDisposable
{
    private IWeightSource? _checkpoint;

    public string Folder { get; } = Directory.CreateTempSubdirectory("aperture-gamma-mod").FullName;

    public string? ModelFolder => Folder;

    public IWeightSource? Checkpoint => _checkpoint;

    public static DecoderInfo Decoder { get; } = new()
    {
        Model = "small",
        Layers = 6,
        HiddenSize = 8,
        IntermediateSize = 16,
        Heads = 2,
        KeyValueHeads = 2,
        HeadSize = 4,
        VocabularySize = 20,
    };

    public string Resolve(string path)
        => File.Exists(Path.Combine(Folder, path)) ? Path.Combine(Folder, path) : throw new ApertureException($"There is no file '{path}'.");

    public void Config(string json) => File.WriteAllText(Path.Combine(Folder, "config.json"), json);

    /// <summary>Writes router weights, one value a layer, and says where they are.</summary>
    public string Routers(string file, IReadOnlyDictionary<int, double> values, long width = 8)
    {
        using DisposeScope scope = NewDisposeScope();
        string path = Path.Combine(Folder, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        SafetensorsWriter.Save(
            path, values.ToDictionary(pair => RouterWeights.KeyOf(pair.Key), pair => full([2, width], pair.Value, dtype: ScalarType.Float32)));
        return path;
    }

    /// <summary>Opens a file as the model's checkpoint.</summary>
    public void Open(string path) => _checkpoint = WeightFiles.Open(path);

    public GammaModRouter Create(string options, DecoderInfo? decoder = null) => (GammaModRouter)Factory().Create(Json(options), decoder ?? Decoder, this);

    public static GammaModFactory Factory() => new(NullLogger<GammaModFactory>.Instance);

    public static JsonElement Json(string json) => JsonDocument.Parse(json).RootElement;

    public void Dispose()
    {
        _checkpoint?.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
