using Aperture.Models;
using Aperture.Pipelines;

namespace Aperture.Host;

/// <summary>The scripts' <c>Models</c>.</summary>
/// <param name="session">The engine session.</param>
public sealed class ModelGlobals(EngineSession session)
{
    /// <summary>
    /// Opens a model: a shipped one's name, a checkpoint folder, a hub id fetched with <c>aperture pull</c>, or a file that a pipeline was saved in. The
    /// session disposes it.
    /// </summary>
    /// <param name="idOrFolder">The model.</param>
    /// <param name="options">How to open it; null for the command line's device and threads and the checkpoint's own element type.</param>
    /// <returns>A pipeline without methods.</returns>
    public Task<Pipeline> Load(string idOrFolder, ModelOptions? options = null) => Task.Run(() => session.Load(idOrFolder, options));

    /// <summary>Opens a pipeline from its specification.</summary>
    /// <param name="spec">Model and methods.</param>
    public Task<Pipeline> Load(PipelineSpec spec) => Task.Run(() => session.Load(spec));

    /// <summary>
    /// Frees a model's weights when the questions that were asked have been answered. Pipelines over it then say that it was unloaded; loading it again gives
    /// new ones.
    /// </summary>
    /// <param name="idOrFolder">The model as it was loaded, or its name.</param>
    public Task Unload(string idOrFolder) => session.UnloadAsync(idOrFolder);
}
