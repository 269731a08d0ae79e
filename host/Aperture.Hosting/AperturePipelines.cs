using System.Collections.Concurrent;
using Aperture.Pipelines;
using Aperture.Plugins;
using Microsoft.Extensions.Options;

namespace Aperture.Hosting;

/// <summary>The pipelines of <see cref="ApertureOptions"/> by their keys, each made once. Safe to use from several threads.</summary>
/// <param name="engine">The engine.</param>
/// <param name="options">The options.</param>
public sealed class AperturePipelines(EngineSession engine, IOptions<ApertureOptions> options)
{
    private readonly Lock _opening = new();
    private readonly ConcurrentDictionary<string, Pipeline> _made = [];

    /// <summary>The keys.</summary>
    public IReadOnlyCollection<string> Keys => [.. options.Value.Pipelines.Keys];

    /// <summary>The engine.</summary>
    public EngineSession Engine => engine;

    /// <summary>Makes a pipeline, or hands out the one that was made already.</summary>
    /// <param name="key">Its key.</param>
    /// <returns>The pipeline; the engine owns its model.</returns>
    /// <exception cref="ApertureException">No pipeline has the key, or its model or a method is not there or cannot be opened.</exception>
    public Pipeline Get(string key)
    {
        if (!options.Value.Pipelines.TryGetValue(key, out PipelineSpec? spec))
        {
            throw new ApertureException(
                Keys.Count == 0
                    ? $"There is no pipeline '{key}', nor any other; add Aperture:Pipelines:{key} to the configuration."
                    : $"There is no pipeline '{key}'; {NearestNames.Told(key, Keys, "there are")}.");
        }

        if (Made(key) is { } made)
        {
            return made;
        }

        lock (_opening)
        {
            return Made(key) ?? (_made[key] = engine.Load(spec));
        }
    }

    /// <summary>A pipeline that was made already; null for one that was not. It does not wait for one that is being made.</summary>
    /// <param name="key">Its key.</param>
    internal Pipeline? Made(string key) => _made.GetValueOrDefault(key);
}
