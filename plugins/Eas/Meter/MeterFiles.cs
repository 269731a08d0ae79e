using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Aperture.Files;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>Writes the small files beside trained adapters, each complete or not at all.</summary>
internal static class MeterFiles
{
    public static void Write(string path, MeterSkipFile skip) => Write(path, skip, MeterFilesJson.Default.MeterSkipFile);

    public static void Write(string path, string[] labels) => Write(path, labels, MeterFilesJson.Default.StringArray);

    private static void Write<T>(string path, T value, JsonTypeInfo<T> type) => AtomicFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(value, type));
}

/// <summary>Which attentions a METER is to skip.</summary>
/// <param name="Base">The model it was made for.</param>
/// <param name="Task">The task.</param>
/// <param name="Arms">How the numbers are meant.</param>
/// <param name="Skip">The attentions.</param>
internal sealed record MeterSkipFile(string Base, string Task, string Arms, int[] Skip);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(MeterSkipFile))]
[JsonSerializable(typeof(string[]))]
internal sealed partial class MeterFilesJson : JsonSerializerContext;
