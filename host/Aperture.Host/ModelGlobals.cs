using Aperture.Engine;

namespace Aperture.Host;

/// <summary>The scripts' <c>Models</c>.</summary>
/// <param name="session">The engine session.</param>
/// <param name="cancellation">Fires at Ctrl+C.</param>
public sealed class ModelGlobals(EngineSession session, CancellationToken cancellation)
{
    /// <summary>Opens a model: a shipped one's name, a checkpoint folder, or a hub id fetched with <c>aperture pull</c>. The session disposes it.</summary>
    /// <param name="idOrFolder">The model.</param>
    /// <param name="options">How to open it; null for the command line's device and threads and the checkpoint's own element type.</param>
    /// <returns>A pipeline without methods.</returns>
    public Task<Pipeline> Load(string idOrFolder, ModelOptions? options = null) => Task.Run(() => session.Load(idOrFolder, options), cancellation);
}
