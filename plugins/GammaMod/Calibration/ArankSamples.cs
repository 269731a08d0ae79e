using System.Text.Json;
using Aperture.Files;
using Aperture.Measuring;
using Aperture.Models;

namespace Aperture.Plugins.GammaMod.Calibration;

/// <summary>The file in which a calibration keeps what it has measured, so that it can go on.</summary>
internal sealed record ArankSamples
{
    /// <summary>Where it lies by default, relative to the output folder.</summary>
    public const string Place = RouterLookup.Folder + "/arank-samples.json";

    public const string FileFormat = "gamma-mod-arank-samples";
    private const long LargestFile = 64 << 20;

    public string Format { get; init; } = FileFormat;

    public int Version { get; init; } = 1;

    public string Model { get; init; } = "";

    public int Layers { get; init; }

    public int Hidden { get; init; }

    public int Heads { get; init; }

    public List<ArankSample> Samples { get; init; } = [];

    /// <summary>Reads a file and checks that it is whole.</summary>
    /// <exception cref="ApertureException">Not such a file, or damaged.</exception>
    public static ArankSamples Read(string path)
    {
        ArankSamples? read = null;
        try
        {
            read = new FileInfo(path).Length <= LargestFile ? JsonText.Record(InputFile.Bytes(path, LargestFile), FilesJson.Default.ArankSamples) : null;
        }
        catch (JsonException error)
        {
            throw new ApertureException(
                $"{GammaModFactory.MethodName}: '{path}' holds no measured samples: not valid at {error.Path ?? "its start"}; delete it or name another file "
                + "with Statistics.", error);
        }

        return read is { Format: FileFormat, Version: 1, Samples: { } samples }
            && samples.TrueForAll(s => s is { Id: not null, Rows: > 0 } && s.Ranks?.Length == read.Layers)
            ? read
            : throw GammaModFactory.Error($"'{path}' holds no measured samples of this version, or is damaged; delete it or name another file with Statistics");
    }

    public void Write(string path) => AtomicFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(this, FilesJson.Default.ArankSamples));
}

/// <summary>One measured sample.</summary>
internal sealed record ArankSample
{
    public string Id { get; init; } = "";

    /// <summary>Rows of the prompt.</summary>
    public int Rows { get; init; }

    /// <summary>Mean rank over heads, one a layer.</summary>
    public double[] Ranks { get; init; } = [];
}
