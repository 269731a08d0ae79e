using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>A checkpoint under other names, or a part of one. Borrows its source unless told to own it.</summary>
internal sealed class RenamedWeights : IMappedWeights, IWeightView
{
    private readonly IWeightSource _source;
    private readonly bool _ownsSource;
    private readonly Dictionary<string, string> _originals = new(StringComparer.Ordinal);

    public RenamedWeights(IWeightSource source, Func<string, string?> rename, bool ownsSource = false)
    {
        (_source, _ownsSource) = (source, ownsSource);
        foreach (string original in source.Names)
        {
            if (rename(original) is { } name && !_originals.TryAdd(name, original))
            {
                throw new ApertureException($"Tensors '{_originals[name]}' and '{original}' would both be called '{name}'; rename them apart.");
            }
        }
    }

    public IReadOnlyCollection<string> Names => _originals.Keys;

    public bool Contains(string name) => _originals.ContainsKey(name);

    public WeightInfo Describe(string name) => _source.Describe(Original(name));

    public Tensor Load(string name) => _source.Load(Original(name));

    public (IWeightSource Source, string Name)? Behind(string name) => (_source, Original(name));

    public void ReleasePages(string name) => _source.ReleasePages(Original(name));

    public void ReleasePages()
    {
        foreach (string original in _originals.Values)
        {
            _source.ReleasePages(original);
        }
    }

    public void Dispose()
    {
        if (_ownsSource)
        {
            _source.Dispose();
        }
    }

    private string Original(string name) =>
        _originals.TryGetValue(name, out string? original) ? original : throw MissingWeight.In("The checkpoint", name, Names);
}
