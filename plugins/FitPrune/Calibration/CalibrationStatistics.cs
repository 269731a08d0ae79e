using System.Text.Json;
using Aperture.Files;
using Aperture.Measuring;
using Aperture.Models;

namespace Aperture.Plugins.FitPrune.Calibration;

/// <summary>The file in which a calibration keeps what it has measured, so that it can go on and serve other targets.</summary>
internal sealed record CalibrationStatistics
{
    public const string FileFormat = "fitprune-statistics";
    public const int FileVersion = 1;
    public const string Extension = ".fitstats.json";
    private const long MaxBytes = 256L << 20;

    public string Format { get; init; } = FileFormat;

    public int Version { get; init; } = FileVersion;

    public string Model { get; init; } = "";

    public int Layers { get; init; }

    public int Hidden { get; init; }

    public int Intermediate { get; init; }

    public string HeadReduce { get; init; } = "max";

    public List<SampleStatistics> Samples { get; init; } = [];

    public List<SamplePass> Passes { get; init; } = [];

    /// <summary>Reads a file and checks that every array has the length it must have.</summary>
    /// <exception cref="ApertureException">Not such a file, or damaged.</exception>
    public static CalibrationStatistics Read(string path)
    {
        string name = Path.GetFileName(path);
        if (new FileInfo(path).Length > MaxBytes)
        {
            throw FitPruneOptions.Error($"'{name}' is larger than {MaxBytes} bytes; delete it or name another file with Statistics");
        }

        CalibrationStatistics? read;
        try
        {
            read = JsonText.Record(InputFile.Bytes(path, MaxBytes), FilesJson.Default.CalibrationStatistics);
        }
        catch (JsonException error)
        {
            throw new ApertureException(
                $"{FitPruneFactory.MethodName}: '{name}' holds no calibration statistics: not valid at {error.Path ?? "its start"}; delete it or name "
                + "another file with Statistics.", error);
        }

        return read is not null && read.IsSound()
            ? read
            : throw FitPruneOptions.Error(
                $"'{name}' holds no calibration statistics of version {FileVersion}, or is damaged; delete it or name another file with Statistics");
    }

    public void Write(string path) => AtomicFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(this, FilesJson.Default.CalibrationStatistics));

    private bool IsSound()
        => Format == FileFormat && Version == FileVersion && Samples is not null && Passes is not null
            && Samples.TrueForAll(s => s is { Id: not null, VisualTokens: > 0, TextAfter: > 0 } && s.Cross?.Length == Layers && s.Self?.Length == Layers)
            && Passes.TrueForAll(
                p => p is not null && p.Sample >= 0 && p.Sample < Samples.Count && p.CrossAllowed?.Length == Layers && p.SelfAllowed?.Length == Layers
                && p.Deleted?.Length == Layers && Array.TrueForAll(p.Deleted, d => d >= 0) && p.Deleted.Sum(d => (long)d) <= Samples[p.Sample].VisualTokens);
}
