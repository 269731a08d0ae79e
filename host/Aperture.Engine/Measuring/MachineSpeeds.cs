using System.Text.Json;
using System.Text.Json.Serialization;
using Aperture.Files;

namespace Aperture.Measuring;

/// <summary>
/// How fast this machine multiplies: measured once for each processor and number of threads, then remembered in a file. May be asked from any thread.
/// </summary>
/// <param name="file">The file; made with the first measurement. Null where the user has no folder for it: then each process measures.</param>
/// <param name="measure">Measures with a number of threads.</param>
/// <param name="processor">Name of the processor; null for this machine's.</param>
public sealed class MachineSpeeds(string? file, Func<int, ProductTimes> measure, string? processor = null)
{
    // Other kernels, other speeds: counted up when the products that are timed change.
    private const int Edition = 1;
    private readonly Lock _gate = new();
    private readonly Dictionary<int, ProductTimes> _known = [];

    /// <summary>The file; null for none.</summary>
    public string? File => file;

    /// <summary>Gets a line where the measurement could not be remembered; null for nobody.</summary>
    public Action<string>? OnNotice { get; init; }

    /// <summary>The times with a number of threads: those that are remembered, else measured now and remembered.</summary>
    /// <param name="threads">Threads.</param>
    public ProductTimes Of(int threads)
    {
        lock (_gate)
        {
            if (!_known.TryGetValue(threads, out ProductTimes? times))
            {
                times = Read().GetValueOrDefault(Key(threads)) ?? Remember(threads);
                _known[threads] = times;
            }

            return times;
        }
    }

    /// <summary>Measures anew and remembers that instead.</summary>
    /// <param name="threads">Threads.</param>
    public ProductTimes Again(int threads)
    {
        lock (_gate)
        {
            return _known[threads] = Remember(threads);
        }
    }

    private ProductTimes Remember(int threads)
    {
        ProductTimes times = measure(threads);
        if (file is null)
        {
            return times;
        }

        Dictionary<string, ProductTimes> all = Read();
        all[Key(threads)] = times;
        try
        {
            AtomicFile.Write(file, JsonSerializer.SerializeToUtf8Bytes(all, MachineSpeedsJson.Default.DictionaryStringProductTimes));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            OnNotice?.Invoke($"How fast this machine multiplies could not be written to '{file}' ({e.Message.TrimEnd('.')}), so each call measures it anew.");
        }

        return times;
    }

    // A file that is damaged or of another kind holds nothing, and the next measurement replaces it.
    private Dictionary<string, ProductTimes> Read()
    {
        try
        {
            return System.IO.File.Exists(file)
                ? JsonText.Record(InputFile.Bytes(file, JsonText.LargestConfiguration), MachineSpeedsJson.Default.DictionaryStringProductTimes) ?? []
                : [];
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException or ApertureException)
        {
            return [];
        }
    }

    private string Key(int threads) => $"{processor ?? ProcessorName.Of(TorchSharp.torch.CPU)}, {threads} thread(s), edition {Edition}";
}

/// <summary>How <see cref="MachineSpeeds"/> are written.</summary>
[JsonSerializable(typeof(Dictionary<string, ProductTimes>))]
[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
internal sealed partial class MachineSpeedsJson : JsonSerializerContext;
