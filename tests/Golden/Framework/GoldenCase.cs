using System.IO.Enumeration;
using System.Text.Json;
using Aperture.Weights;
using Xunit.Sdk;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests;

/// <summary>
/// One open case. It owns every tensor and weight source it hands out, and keeps account of what a runner read, compared or excused:
/// a tensor that nobody looked at fails the case.
/// </summary>
public sealed class GoldenCase : IDisposable
{
    private const double DefaultTolerance = 1e-4;
    private const string WeightPrefix = "w.";

    private readonly JsonDocument _meta;
    private readonly SafetensorsFile? _file;
    private readonly HashSet<string> _settled = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Tensor> _tensors = new(StringComparer.Ordinal);
    private readonly List<IDisposable> _opened = [];

    private GoldenCase(GoldenFile file, JsonDocument meta)
    {
        Path = file.Path;
        Folder = System.IO.Path.GetDirectoryName(file.Path)!;
        Area = file.Area;
        Kind = file.Kind;
        Name = file.Case;
        _meta = meta;
        _file = file.Path.EndsWith(".safetensors", StringComparison.Ordinal) ? SafetensorsFile.Open(file.Path) : null;
    }

    public string Path { get; }

    /// <summary>The folder of the case file, which the files it names are relative to.</summary>
    public string Folder { get; }

    public string Area { get; }

    public string Kind { get; }

    public string Name { get; }

    /// <summary>The metadata's json entry, or the whole json file.</summary>
    public JsonElement Meta => _meta.RootElement;

    public JsonElement Config => Meta.GetProperty("config");

    /// <summary>Relative to the largest absolute value of the compared tensor; 0 means bit for bit.</summary>
    public double Tolerance => Meta.TryGetProperty("tolerance", out JsonElement value) ? value.GetDouble() : DefaultTolerance;

    /// <summary>The names of all tensors of the case file, weights included.</summary>
    public IEnumerable<string> Names => _file?.Names ?? [];

    internal static GoldenCase Open(GoldenFile file)
    {
        JsonDocument meta = GoldenFile.ReadMeta(file.Path) ?? throw new ApertureException($"'{file.Path}' describes no case.");
        try
        {
            return new GoldenCase(file, meta);
        }
        catch
        {
            meta.Dispose();
            throw;
        }
    }

    public bool Has(string tensor) => _file?.Contains(tensor) ?? false;

    /// <summary>A tensor of the case as stored, in memory of its own; owned by the case. Reading an input settles it.</summary>
    public Tensor Get(string tensor)
    {
        if (tensor.StartsWith("in.", StringComparison.Ordinal))
        {
            _settled.Add(tensor);
        }

        return Stored(tensor);
    }

    /// <summary>The path of a file beside the case; it must exist.</summary>
    public string FileBeside(string relative)
    {
        string path = System.IO.Path.Combine(Folder, relative);
        return File.Exists(path) || Directory.Exists(path) ? path : throw new XunitException($"{Area}/{Name} names '{relative}', which is not beside it.");
    }

    /// <summary>
    /// The case's weights under their published keys: the files it names (those of one part, where it names parts) without those it leaves out,
    /// its own on top. Owned by the case.
    /// </summary>
    public IWeightSource Weights(string? part = null)
    {
        List<string> without = Meta.TryGetProperty("weights_without", out JsonElement patterns)
            ? patterns.EnumerateArray().Select(pattern => pattern.GetString()!).ToList()
            : [];
        List<IWeightSource> sources = new();
        foreach (string file in WeightFileNames(part))
        {
            IWeightSource opened = WeightFiles.Open(FileBeside(file));
            _opened.Add(opened);
            sources.Add(Published(opened).Where(name => !without.Exists(pattern => FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false))));
        }

        if (_file is not null)
        {
            sources.Add(_file.Under(WeightPrefix));
        }

        return new CombinedWeights(sources, ownsSources: false);
    }

    /// <summary>
    /// Compares with the recorded tensor: same shape, same places of NaN and infinities, and the rest within the tolerance times its largest absolute value.
    /// </summary>
    public void Compare(string tensor, Tensor actual, double? tolerance = null)
    {
        double allowed = tolerance ?? Tolerance;
        TensorComparison.Check($"{Area}/{Name}: {tensor}", Stored(tensor), actual, allowed);
        _settled.Add(tensor);
    }

    /// <summary>Compares with the recorded tensor bit for bit in value.</summary>
    public void CompareExact(string tensor, Tensor actual) => Compare(tensor, actual, 0);

    /// <summary>Excuses tensors from being read or compared. The pattern may hold <c>*</c>; it must match at least one tensor.</summary>
    public void NotCompared(string tensorOrPattern, string reason)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        List<string> matched = Accountable.Where(name => FileSystemName.MatchesSimpleExpression(tensorOrPattern, name, ignoreCase: false)).ToList();
        if (matched.Count == 0)
        {
            throw new XunitException($"{Area}/{Name} excuses '{tensorOrPattern}' ({reason}), which it does not hold.");
        }

        _settled.UnionWith(matched);
    }

    public void Dispose()
    {
        foreach (Tensor tensor in _tensors.Values)
        {
            tensor.Dispose();
        }

        _opened.ForEach(opened => opened.Dispose());
        _file?.Dispose();
        _meta.Dispose();
    }

    /// <summary>Fails if a tensor was neither read, compared nor excused.</summary>
    internal void CheckSettled()
    {
        List<string> left = Accountable.Where(name => !_settled.Contains(name)).ToList();
        if (left.Count > 0)
        {
            throw new XunitException($"{Area}/{Name}: the runner neither read, compared nor excused {left.Count} tensors: {string.Join(", ", left.Take(20))}.");
        }
    }

    private IEnumerable<string> Accountable => Names.Where(name =>
        name.StartsWith("in.", StringComparison.Ordinal)
            || name.StartsWith("mid.", StringComparison.Ordinal)
            || name.StartsWith("out.", StringComparison.Ordinal));

    private static IWeightSource Published(IWeightSource source) =>
        source.Names.Any(name => name.StartsWith(WeightPrefix, StringComparison.Ordinal)) ? source.Under(WeightPrefix) : source;

    private IEnumerable<string> WeightFileNames(string? part)
    {
        if (!Meta.TryGetProperty("weights", out JsonElement weights) || weights.ValueKind == JsonValueKind.Null)
        {
            return [];
        }

        if (weights.ValueKind == JsonValueKind.Array)
        {
            return weights.EnumerateArray().Select(file => file.GetString()!).ToList();
        }

        if (weights.ValueKind == JsonValueKind.String)
        {
            return [weights.GetString()!];
        }

        ArgumentNullException.ThrowIfNull(part);
        JsonElement files = weights.TryGetProperty(part, out JsonElement named)
            ? named
            : throw new XunitException($"{Area}/{Name} names no weights for the part '{part}'.");
        return files.ValueKind == JsonValueKind.Array ? files.EnumerateArray().Select(file => file.GetString()!).ToList() : [files.GetString()!];
    }

    private Tensor Stored(string tensor)
    {
        if (!_tensors.TryGetValue(tensor, out Tensor? stored))
        {
            if (!Has(tensor))
            {
                throw new XunitException($"{Area}/{Name} holds no tensor '{tensor}'.");
            }

            stored = _file!.LoadCopy(tensor).DetachFromDisposeScope();
            _tensors.Add(tensor, stored);
        }

        return stored;
    }
}
