using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>Several checkpoints seen as one: a base model and files on top of it. Where a name occurs in several, the last one wins.</summary>
public sealed class CombinedWeights : IMappedWeights, IWeightView
{
    private readonly List<IWeightSource> _sources;
    private readonly Dictionary<string, IWeightSource> _owners = new(StringComparer.Ordinal);
    private readonly bool _ownsSources;

    /// <summary>Combines open checkpoints.</summary>
    /// <param name="sources">The checkpoints, the ones that win last.</param>
    /// <param name="ownsSources">Whether disposing the combination disposes them.</param>
    public CombinedWeights(IEnumerable<IWeightSource> sources, bool ownsSources = true)
    {
        ArgumentNullException.ThrowIfNull(sources);
        _sources = [.. sources];
        _ownsSources = ownsSources;
        foreach (IWeightSource source in _sources)
        {
            foreach (string name in source.Names)
            {
                _owners[name] = source;
            }
        }
    }

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => _owners.Keys;

    /// <inheritdoc/>
    public bool Contains(string name) => _owners.ContainsKey(name);

    /// <inheritdoc/>
    public WeightInfo Describe(string name) => Owner(name).Describe(name);

    /// <inheritdoc/>
    public Tensor Load(string name) => Owner(name).Load(name);

    /// <inheritdoc/>
    (IWeightSource Source, string Name)? IWeightView.Behind(string name) => (Owner(name), name);

    /// <inheritdoc/>
    public void ReleasePages(string name) => Owner(name).ReleasePages(name);

    /// <inheritdoc/>
    public void ReleasePages() => _sources.ForEach(source => source.ReleasePages());

    /// <summary>Disposes the sources if the combination owns them.</summary>
    public void Dispose()
    {
        if (_ownsSources)
        {
            _sources.ForEach(source => source.Dispose());
        }
    }

    private IWeightSource Owner(string name) =>
        _owners.TryGetValue(name, out IWeightSource? owner) ? owner : throw MissingWeight.In("The combined checkpoint", name, Names);
}
