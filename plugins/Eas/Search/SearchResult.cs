using System.Text.Json;
using System.Text.Json.Serialization;
using Aperture.Files;

namespace Aperture.Plugins.Eas.Search;

/// <summary>What a search found, as a JSON file.</summary>
internal sealed record SearchResult
{
    /// <summary>Arms that are a decoder's attention sub-layers.</summary>
    public const string DecoderArms = "decoder-mha";

    /// <summary>METER's 24 arms.</summary>
    public const string MeterArms = "meter24";

    private const long LargestFile = 1 << 20;

    /// <summary><c>LLaVA</c>, <c>LaVIN</c> or <c>METER</c>.</summary>
    [JsonPropertyName("base")]
    public string Base { get; init; } = "";

    [JsonPropertyName("task")]
    public string Task { get; init; } = "";

    [JsonPropertyName("K")]
    public int K { get; init; }

    [JsonPropertyName("arms")]
    public string Arms { get; init; } = DecoderArms;

    [JsonPropertyName("scores")]
    public IReadOnlyList<double> Scores { get; init; } = [];

    /// <summary>The K best arms, the best first.</summary>
    [JsonPropertyName("skip")]
    public IReadOnlyList<int> Skip { get; init; } = [];

    /// <summary>The best arms of some scores, the best first; of equal ones the lower number.</summary>
    public static int[] Best(IReadOnlyList<double> scores, int count)
        => [.. Enumerable.Range(0, scores.Count).OrderByDescending(arm => scores[arm]).ThenBy(arm => arm).Take(count)];

    /// <summary>The best arms, the best first; for K of them what the file lists.</summary>
    /// <exception cref="ApertureException">There are not that many to leave out.</exception>
    public int[] Best(int count)
        => count == K ? [.. Skip]
            : count >= 0 && count < Scores.Count ? Best(Scores, count)
            : throw EasAdapters.Error($"SkipCount is {count}; the search compared {Scores.Count} sub-layers, of which some must stay");

    /// <summary>Reads a file.</summary>
    /// <exception cref="ApertureException">It is none that a search wrote.</exception>
    public static SearchResult Read(string path)
    {
        if (new FileInfo(path).Length > LargestFile)
        {
            throw EasAdapters.Error($"'{path}' is larger than a search's result ever is; name the JSON file that a search wrote");
        }

        try
        {
            SearchResult result = JsonText.Record(InputFile.Bytes(path, LargestFile), FilesJson.Default.SearchResult) ?? new SearchResult();
            bool sound = result.Scores is { Count: > 0 }
                && result.Skip is not null
                && result.Skip.Count == result.K
                && result.Skip.All(arm => arm >= 0 && arm < result.Scores.Count);
            return sound ? result : throw EasAdapters.Error($"'{path}' is no search's result: scores, K and as many entries in skip must be there and fit");
        }
        catch (JsonException error)
        {
            throw EasAdapters.Error($"'{path}' is no search's result: not valid at line {(error.LineNumber ?? 0) + 1}");
        }
    }

    /// <summary>Writes the file; it appears when it is complete.</summary>
    public void Write(string path)
        => AtomicFile.Write(path, System.Text.Encoding.UTF8.GetBytes(JsonSerializer.Serialize(this, FilesJson.Default.SearchResult) + "\n"));
}
