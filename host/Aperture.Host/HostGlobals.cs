using System.Reflection;
using Aperture.Comparing;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Scripting;
using Aperture.Tasks;
using TorchSharp;

namespace Aperture.Host;

/// <summary>What scripts, the REPL and notebooks use without a prefix.</summary>
/// <param name="display">Where the script's output goes.</param>
/// <param name="openDevice">Opens the device of <c>--device</c>.</param>
/// <param name="openSession">Opens the engine session.</param>
public sealed class HostGlobals(
    IScriptDisplay display, Func<torch.Device> openDevice, Func<EngineSession> openSession) : ScriptGlobals(display), IAsyncDisposable
{
    private readonly Lazy<torch.Device> _device = new(openDevice);
    private readonly Lazy<EngineSession> _session = new(openSession);

    /// <summary>The device of <c>--device</c>; the GPU where there is one, else the CPU, when the option is absent.</summary>
    public torch.Device Device => _device.Value;

    /// <summary>Opens models.</summary>
    public ModelGlobals Models => new(_session.Value);

    /// <summary>Opens and trains models whose product is not a chat answer: classifiers, segmenters, editors, captioners, generators.</summary>
    public TaskGlobals Tasks => new(_session.Value);

    /// <summary>Lists the methods of the plugins and shows their options.</summary>
    public MethodGlobals Methods => new(_session.Value.Plugins, Display);

    /// <summary>Lists and reloads plugins.</summary>
    public PluginGlobals Plugins => new(_session.Value, () => [.. RetiredVariables.Select(v => v.Name)]);

    /// <summary>Opens pictures.</summary>
    public ImageGlobals Images => new(ScriptFolder);

    /// <summary>Reads files of questions.</summary>
    public QuestionGlobals Questions => new(ScriptFolder);

    /// <summary>
    /// Measures pipelines side by side on a question and shows the table: the un-reduced model, and the baselines at the same budget, are added where they
    /// are missing.
    /// </summary>
    /// <param name="image">The picture.</param>
    /// <param name="question">The question.</param>
    /// <param name="pipelines">The pipelines.</param>
    /// <returns>The comparison.</returns>
    public Comparison Compare(Image image, string question, params Pipeline[] pipelines)
    {
        Comparison comparison = Measurer.Compare(pipelines, image, question);
        Show(comparison);
        return comparison;
    }

    /// <summary>Measures one pipeline on a question.</summary>
    /// <param name="pipeline">The pipeline.</param>
    /// <param name="image">The picture.</param>
    /// <param name="question">The question.</param>
    public Measurement Measure(Pipeline pipeline, Image image, string question) => Measurer.Measure(pipeline, image, question);

    /// <summary>The assembly of a plugin, or null.</summary>
    internal Assembly? FindPlugin(AssemblyName name) => _session.Value.Plugins.FindAssembly(name);

    /// <summary>The id of the unloaded plugin that an assembly came with, or null.</summary>
    internal string? RetiredPluginOf(Assembly assembly) => _session.IsValueCreated ? _session.Value.Plugins.RetiredPluginOf(assembly) : null;

    /// <summary>The methods, for completion: none where the session cannot be opened, which the entry that is being written will tell.</summary>
    internal IReadOnlyList<PluginMethod> KnownMethods()
    {
        try
        {
            return Methods.List;
        }
        catch (Exception error) when (error is ApertureException or ObjectDisposedException)
        {
            return [];
        }
    }

    /// <summary>Disposes models and plugins.</summary>
    public ValueTask DisposeAsync() => _session.IsValueCreated ? _session.Value.DisposeAsync() : ValueTask.CompletedTask;
}
