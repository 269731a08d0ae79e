using System.Text.Json;
using Aperture.Plugins.DtNet.Data;
using Aperture.Plugins.DtNet.Model;
using Aperture.Tasks;

namespace Aperture.Plugins.DtNet.Training;

/// <summary>
/// Samples of a training: features and captions. A sample names its features by <c>id</c> or has a picture that the tower encodes; its captions are
/// <c>captions</c>, or its text. Samples of one id share their references.
/// </summary>
internal sealed class CaptionSamples : IDisposable
{
    private const int LongestReference = 200;

    private readonly string[] _keys;
    private readonly IReadOnlyList<string>[][] _captions;
    private readonly Dictionary<string, string[]> _references = new(StringComparer.Ordinal);
    private readonly Dictionary<string, float[]> _encoded = new(StringComparer.Ordinal);
    private readonly FeatureFile? _features;
    private readonly PictureTower? _tower;
    private readonly CaptionConfig _config;

    /// <summary>Reads samples.</summary>
    /// <param name="samples">The samples, at least one.</param>
    /// <param name="splitting">How captions are cut.</param>
    /// <param name="features">Features by id; owned once the constructor returns. Null for none.</param>
    /// <param name="tower">Encodes pictures; owned once the constructor returns. Null for none.</param>
    /// <param name="config">Sizes.</param>
    /// <exception cref="ApertureException">A sample has no caption, or no features.</exception>
    public CaptionSamples(IReadOnlyList<TaskSample> samples, WordSplitting splitting, FeatureFile? features, PictureTower? tower, CaptionConfig config)
    {
        (_features, _tower, _config) = (features, tower, config);
        _keys = [.. samples.Select((sample, index) => Key(sample, index + 1))];
        _captions = [.. samples.Select((sample, index) => CaptionsOf(sample, index + 1, splitting))];
        foreach (IGrouping<string, int> picture in Enumerable.Range(0, samples.Count).GroupBy(index => _keys[index], StringComparer.Ordinal))
        {
            _references[picture.Key] = [.. picture.SelectMany(index => _captions[index]).Select(words => string.Join(' ', words.Take(LongestReference)))];
        }
    }

    /// <summary>All references, tokenised, each by itself: the official training counts a word's rarity over captions, not over pictures.</summary>
    public IReadOnlyCollection<IReadOnlyList<string>> References
        => [.. _references.Values.SelectMany(captions => captions).Select(caption => new[] { caption })];

    /// <summary>The captions of a sample, as words.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Captions(int sample) => _captions[sample];

    /// <summary>All references of a sample's picture, tokenised.</summary>
    public IReadOnlyList<string> ReferencesOf(int sample) => _references[_keys[sample]];

    /// <summary>A picture's grid vectors.</summary>
    /// <param name="sample">The sample.</param>
    /// <returns><c>cells * channels</c> values; not to be written to.</returns>
    /// <exception cref="ApertureException">There are none, or of another width.</exception>
    public float[] Features(int sample)
    {
        string key = _keys[sample];
        if (_encoded.TryGetValue(key, out float[]? known))
        {
            return known;
        }

        bool isPicture = _features is null || key.StartsWith('\0');
        FeatureRows rows = isPicture ? _tower!.EncodeFile(key.TrimStart('\0'), _config.Grid) : _features!.Read(key);
        if (rows.Channels != _config.Features)
        {
            throw new ApertureException(
                $"{DtNetFactory.CaptionerName}: features of {rows.Channels} channels of picture '{key.TrimStart('\0')}'; the checkpoint takes "
                + $"{_config.Features}.");
        }

        float[] values = FeatureFile.Fit(rows, _config.Cells);
        if (isPicture)
        {
            _encoded[key] = values; // a tower would look at it anew each time; a file's features are read as they are needed
        }

        return values;
    }

    public void Dispose()
    {
        _features?.Dispose();
        _tower?.Dispose();
    }

    // A picture's path is told from an id by the character before it, which no id begins with.
    private string Key(TaskSample sample, int number)
    {
        if (_features is not null && sample.Fields.TryGetValue("id", out JsonElement id))
        {
            return FeatureFile.IdOf(id.ValueKind == JsonValueKind.String ? id.GetString()! : id.GetRawText());
        }

        return _tower is not null && sample.Pictures.Count == 1
            ? '\0' + sample.Pictures[0]
            : throw new ApertureException(
                $"{DtNetFactory.CaptionerName}: sample {number} has no features: it needs an id of the file that Features names, or a picture for the option "
                + "Tower.");
    }

    private static IReadOnlyList<string>[] CaptionsOf(TaskSample sample, int number, WordSplitting splitting)
    {
        string[] captions = sample.Fields.TryGetValue("captions", out JsonElement list)
            ? list.ValueKind == JsonValueKind.Array && list.EnumerateArray().All(caption => caption.ValueKind == JsonValueKind.String)
                ? [.. list.EnumerateArray().Select(caption => caption.GetString()!)]
                : throw new ApertureException($"{DtNetFactory.CaptionerName}: sample {number}: captions must be a list of sentences.")
            : [sample.Text];
        IReadOnlyList<string>[] words = [.. captions.Select(caption => CaptionWords.Split(caption, splitting))];
        return words.Length > 0 && words.All(caption => caption.Count > 0)
            ? words
            : throw new ApertureException($"{DtNetFactory.CaptionerName}: sample {number} has no caption; give it text or captions.");
    }
}
