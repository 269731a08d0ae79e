using System.Runtime.CompilerServices;
using Aperture.Decoding;
using Aperture.Hub;
using Aperture.Models;
using Aperture.Natives;
using Aperture.Plugins;
using Aperture.Requests;
using Aperture.Scheduling;
using Aperture.Tasks;
using Aperture.Training;

namespace Aperture.Pipelines;

/// <summary>
/// What a command, script or notebook works with: the plugin host, the models that are open, and the pipelines over them. Safe to use from several threads.
/// Disposing it cancels and awaits what runs and disposes all of these, the plugin host where it owns it.
/// </summary>
public sealed class EngineSession : IAsyncDisposable
{
    private readonly HubCache _cache;
    private readonly ModelLocator _locator;
    private readonly RequestQueue _requests;
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Folder, ModelOptions Options), Model> _models = [];
    // What was built lives as long as its hooks are used; what nobody knows any more goes.
    private readonly ConditionalWeakTable<HookTable, BuiltPipeline> _built = [];
    private readonly ConditionalWeakTable<Model, KeptPrefixes> _kept = [];
    private readonly HashSet<string> _told = [];
    private readonly SessionTasks _tasks;
    private readonly Action<string>? _onNotice;
    private readonly bool _ownsPlugins;

    /// <summary>Starts the engine: finds libtorch and the plugins. Nothing else of it is loaded before it is used.</summary>
    /// <param name="options">How; null for the defaults.</param>
    /// <returns>The session; the caller disposes it.</returns>
    /// <exception cref="ApertureException">libtorch cannot be loaded, or <c>plugins.json</c> is broken.</exception>
    public static EngineSession Start(EngineOptions? options = null)
    {
        options ??= new EngineOptions();
        TorchNatives.Preload();
        TorchNatives.Load();
        PluginHost plugins = options.Plugins
            ?? new PluginHost(PluginCatalog.Beside(options.OnNotice), new PluginHostOptions { Loggers = options.Loggers });
        return new EngineSession(plugins, new HubCache(HubSettings.FromEnvironment()), options.Models)
        {
            HalfType = options.HalfType,
            KeepPrefixes = options.KeepPrefixes,
            PrefixMemory = options.PrefixMemory,
            OnNotice = options.OnNotice,
            OnLeftRunning = options.OnLeftRunning,
        };
    }

    /// <summary>Makes a session of its parts.</summary>
    /// <param name="plugins">The plugin host.</param>
    /// <param name="cache">Where downloaded models lie.</param>
    /// <param name="defaults">How models are opened unless a caller says otherwise.</param>
    /// <param name="ownsPlugins">
    /// Whether disposing the session disposes the plugin host too. Sessions that share a host load each plugin once; whoever made the host disposes it after
    /// them.
    /// </param>
    internal EngineSession(PluginHost plugins, HubCache cache, ModelOptions defaults, bool ownsPlugins = true)
    {
        Plugins = plugins;
        _ownsPlugins = ownsPlugins;
        _cache = cache;
        _locator = new ModelLocator(cache);
        _requests = new RequestQueue();
        _tasks = new SessionTasks(plugins, _requests, _locator, TellOnce);
        Defaults = defaults;
    }

    /// <summary>The plugin host.</summary>
    public PluginHost Plugins { get; }

    /// <summary>How models are opened unless a caller says otherwise.</summary>
    public ModelOptions Defaults { get; }

    /// <summary>
    /// Gets lines that a user should see though nothing failed, such as weights of a checkpoint that nothing uses, each once, and what stays in memory because
    /// it did not stop; null for nobody.
    /// </summary>
    public Action<string>? OnNotice
    {
        get => _onNotice;
        init => _requests.OnNotice = _onNotice = value;
    }

    /// <summary>As <see cref="EngineOptions.HalfType"/>.</summary>
    internal Func<int, TorchSharp.torch.ScalarType>? HalfType { get; init; }

    /// <summary>As <see cref="EngineOptions.KeepPrefixes"/>.</summary>
    internal bool KeepPrefixes { get; init; }

    /// <summary>As <see cref="EngineOptions.PrefixMemory"/>.</summary>
    internal long PrefixMemory { get; init; } = KeptPrefixes.DefaultBudget;

    /// <summary>Called when disposing the session had to leave something running: a process that then ends in an orderly way may crash.</summary>
    public Action? OnLeftRunning { get; init; }

    /// <summary>Models that are open.</summary>
    public IReadOnlyCollection<Model> Models
    {
        get
        {
            lock (_gate)
            {
                return [.. _models.Values];
            }
        }
    }

    /// <summary>Opens a model, or hands out the one that is open already; or a pipeline from its file.</summary>
    /// <param name="idOrFolder">
    /// A shipped model's name, a folder in a published layout, a Hugging Face id in the cache, or a file with a <see cref="PipelineSpec"/>.
    /// </param>
    /// <param name="options">How to open it; null for <see cref="Defaults"/>.</param>
    /// <param name="cancellationToken">Checked between layers; without one the opening ends with the script, entry or cell that asks for it.</param>
    /// <returns>A pipeline, without methods where no file names some; the session disposes the model.</returns>
    /// <exception cref="ApertureException">The model is not there or cannot be opened.</exception>
    public Pipeline Load(string idOrFolder, ModelOptions? options = null, CancellationToken cancellationToken = default)
        => PipelineSpec.IsFile(idOrFolder) && !Directory.Exists(idOrFolder)
            ? Load(PipelineSpec.Read(idOrFolder), options, cancellationToken)
            : Load(new PipelineSpec(idOrFolder, []) { Options = options }, null, cancellationToken);

    /// <summary>Opens the model of a pipeline in writing, or takes the one that is open already, and puts the methods on it.</summary>
    /// <param name="spec">The pipeline.</param>
    /// <param name="options">How to open the model instead of what the specification says; null for that.</param>
    /// <param name="cancellationToken">Checked between layers; without one the opening ends with the script, entry or cell that asks for it.</param>
    /// <returns>The pipeline; the session disposes the model.</returns>
    /// <exception cref="ApertureException">The model is not there or cannot be opened.</exception>
    public Pipeline Load(PipelineSpec spec, ModelOptions? options = null, CancellationToken cancellationToken = default)
    {
        foreach (MethodUse method in spec.Methods)
        {
            MethodUseCheck.Named(method, Plugins); // before a large model is opened
        }

        ModelOptions chosen = options ?? spec.Options ?? Defaults;
        string folder = _locator.Resolve(spec.Model);
        Model model = Open(folder, chosen) ?? _requests.Run(_models, token => Open(folder, chosen) ?? Opened(folder, chosen, token), cancellationToken);
        Pipeline plain = new(model, this, []) { Spec = spec with { Options = options ?? spec.Options } };
        return spec.Methods.Aggregate(plain, (pipeline, method) => pipeline.With(method));
    }

    /// <summary>
    /// Frees a model's weights when the questions that were asked have been answered. Later ones, and pipelines over it, are told that it was unloaded;
    /// <see cref="Load(string, ModelOptions?, CancellationToken)"/> opens it anew.
    /// </summary>
    /// <param name="idOrFolder">The model as it was loaded, or its name; where it is open with several options, all of them go.</param>
    /// <param name="cancellationToken">Ends the waiting; the model stays open then.</param>
    /// <exception cref="ApertureException">No such model is open, or the caller is part of a question that runs on it.</exception>
    public async Task UnloadAsync(string idOrFolder, CancellationToken cancellationToken = default)
    {
        foreach ((string folder, ModelOptions options, Model model) in OpenUnder(idOrFolder))
        {
            await model.UnloadAsync($"load it again with Models.Load(\"{idOrFolder}\")", cancellationToken).ConfigureAwait(false);
            ReleaseMethods(built => ReferenceEquals(built.Model, model));
            lock (_gate)
            {
                if (_models.TryGetValue((folder, options), out Model? now) && ReferenceEquals(now, model))
                {
                    _models.Remove((folder, options));
                }
            }
        }
    }

    /// <summary>Questions that are being answered or wait for their turn.</summary>
    public int Pending => _requests.Count;

    /// <summary>Waits until no question is being answered or waits for its turn, to stop without cutting anybody short.</summary>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <exception cref="OperationCanceledException">The waiting was ended.</exception>
    public Task WhenIdleAsync(CancellationToken cancellationToken = default) => _requests.WhenIdleAsync(cancellationToken);

    /// <summary>
    /// Unloads a plugin and loads what its folder holds now. It waits for the questions that are being answered, and later ones wait for it: pipelines with the
    /// plugin's methods let go of them and take the new ones at their next question.
    /// </summary>
    /// <param name="plugin">The plugin's id.</param>
    /// <param name="cancellationToken">Ends the waiting for those who still use it; the plugin stays loaded then.</param>
    /// <exception cref="ApertureException">There is no such plugin, it is disabled, or the caller is part of a question that runs.</exception>
    public Task<PluginReload> ReloadAsync(string plugin, CancellationToken cancellationToken = default)
        => _requests.RunAloneAsync(
            token =>
            {
                CollectDropped();
                ReleaseMethods(built => built.Uses(plugin));
                return Plugins.ReloadAsync(plugin, TimeSpan.Zero, token);
            },
            cancellationToken);

    /// <summary>Remembers a pipeline that holds methods, to release them with the session or before a reload.</summary>
    internal void Track(BuiltPipeline built) => _built.AddOrUpdate(built.Table!, built);

    /// <summary>What pipelines over a model keep of earlier questions; disposed with the model.</summary>
    internal KeptPrefixes KeptOf(Model model) => _kept.GetValue(model, _ =>
    {
        KeptPrefixes kept = new(PrefixMemory);
        model.Attach(kept);
        return kept;
    });

    /// <summary>Tells which weights of a pipeline's checkpoint neither the model nor its methods use.</summary>
    internal void TellUnused(Pipeline pipeline)
    {
        if (OnNotice is null || pipeline.Model.Unclaimed.Count == 0)
        {
            return;
        }

        IReadOnlyList<PluginMethod> known = Plugins.LoadAll(out _);
        string[] acting = [.. pipeline.Acting.Select(method => method.Name)];
        foreach (string line in UnusedWeights.Describe(pipeline.Model.Name, pipeline.Model.Unclaimed, known, acting))
        {
            TellOnce(line);
        }
    }

    /// <summary>Opens a model of a plugin that makes something else than a chat answer, such as a classifier or a segmenter.</summary>
    /// <typeparam name="T">What is wanted of it: the interface of a task.</typeparam>
    /// <param name="folderOrFile">The checkpoint: a file, a folder, or a hub id in the cache.</param>
    /// <param name="architecture">The name a plugin registers it under; null to take the one that recognises the checkpoint.</param>
    /// <param name="options">Its options; null for all defaults.</param>
    /// <returns>The model; the session disposes it if the caller has not.</returns>
    /// <exception cref="ApertureException">No architecture or several of them recognise the checkpoint, it makes something else, or it cannot be
    /// opened.</exception>
    public OpenTask<T> LoadTask<T>(string folderOrFile, string? architecture = null, object? options = null)
        where T : class, ITaskModel
        => _tasks.Load<T>(folderOrFile, architecture, OptionsJson.From(options), Defaults.Device);

    /// <summary>Trains a model of a plugin on samples. A run that was stopped or killed goes on from its last checkpoint.</summary>
    /// <param name="folderOrFile">The checkpoint to start from: a file, a folder, or a hub id in the cache.</param>
    /// <param name="samples">The samples, as <see cref="TaskSamples"/> reads them.</param>
    /// <param name="output">Folder of the run: checkpoint, log and, at the end, what was trained.</param>
    /// <param name="architecture">The name a plugin registers it under; null to take the one that recognises the checkpoint.</param>
    /// <param name="options">Its training options; null for all defaults.</param>
    /// <param name="progress">Told as often as the log; null for nobody.</param>
    /// <param name="cancellationToken">Stops after the step, with a checkpoint.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="ApertureException">No architecture or several of them recognise the checkpoint, it has nothing to train, or samples or options do
    /// not serve.</exception>
    public TrainingResult TrainTask(
        string folderOrFile,
        string samples,
        string output,
        string? architecture = null,
        object? options = null,
        IProgress<TrainingProgress>? progress = null,
        CancellationToken cancellationToken = default)
        => _tasks.Train(folderOrFile, samples, output, architecture, OptionsJson.From(options), Defaults.Device, progress, cancellationToken);

    /// <summary>
    /// The methods that stand beside others in every comparison, in the catalog's order. Loads every plugin; one that does not load is told to
    /// <see cref="OnNotice"/>, because it might have some.
    /// </summary>
    public IReadOnlyList<PluginMethod> Baselines()
    {
        IReadOnlyList<PluginMethod> methods = Plugins.LoadAll(out IReadOnlyList<PluginFailure> failures);
        foreach (PluginFailure failure in failures)
        {
            TellOnce(failure.Message);
        }

        return [.. methods.Where(method => method.BaselineOption is not null)];
    }

    /// <summary>Those of <see cref="Baselines()"/> that a model can be compared with.</summary>
    /// <param name="model">The model.</param>
    public IReadOnlyList<PluginMethod> Baselines(Model model) => [.. Baselines().Where(baseline => baseline.Fits(model.Encoder))];

    internal void TellOnce(string line)
    {
        lock (_told)
        {
            if (!_told.Add(line))
            {
                return;
            }
        }

        OnNotice?.Invoke(line);
    }

    private List<(string Folder, ModelOptions Options, Model Model)> OpenUnder(string idOrFolder)
    {
        string named = PipelineSpec.IsFile(idOrFolder) && File.Exists(idOrFolder) ? PipelineSpec.Read(idOrFolder).Model : idOrFolder;
        lock (_gate)
        {
            (string Folder, ModelOptions Options, Model Model)[] open =
            [
                .. _models.Where(model => !model.Value.IsDisposed).Select(model => (model.Key.Folder, model.Key.Options, model.Value)),
            ];
            List<(string, ModelOptions, Model)> found = [.. open.Where(model => string.Equals(model.Model.Name, named, StringComparison.Ordinal))];
            if (found.Count == 0 && open.Length > 0 && _locator.Find(named) is { } folder)
            {
                found = [.. open.Where(model => model.Folder == folder)];
            }

            string[] names = [.. open.Select(model => model.Model.Name).Distinct(StringComparer.Ordinal)];
            return found.Count > 0 ? found
                : throw new ApertureException(
                    $"The model '{idOrFolder}' is not open; {(names.Length == 0 ? "none is" : NearestNames.Told(named, names, "open are"))}.");
        }
    }

    private Model? Open(string folder, ModelOptions options)
    {
        lock (_gate)
        {
            return _models.GetValueOrDefault((folder, options)) is { IsDisposed: false } model ? model : null;
        }
    }

    private Model Opened(string folder, ModelOptions options, CancellationToken cancellationToken)
    {
        Model model = new ModelOpener(Plugins, _cache) { HalfType = HalfType }.Open(folder, options, cancellationToken);
        model.Requests = _requests;
        model.SendNotices(TellOnce);
        lock (_gate)
        {
            _models[(folder, options)] = model;
        }

        return model;
    }

    private void ReleaseMethods(Predicate<BuiltPipeline> which)
    {
        foreach ((_, BuiltPipeline built) in _built)
        {
            if (which(built))
            {
                built.Release();
            }
        }
    }

    /// <summary>
    /// Cancels what runs, waits for it and disposes pipelines, models and plugins. What has not stopped after <see cref="RequestQueue.Patience"/> keeps all of
    /// them, which a notice tells.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (!await _requests.CloseAsync(null, RequestQueue.Patience).ConfigureAwait(false))
        {
            OnNotice?.Invoke(RequestQueue.StillRuns("What the session opened"));
            OnLeftRunning?.Invoke();
            return;
        }

        _tasks.Dispose();
        ReleaseMethods(_ => true);
        foreach (Model model in _models.Values)
        {
            model.Dispose();
        }

        _models.Clear();
        if (!_ownsPlugins)
        {
            return;
        }

        if (Plugins.Plugins.Any(plugin => plugin.Leases > 0))
        {
            CollectDropped();
        }

        await Plugins.DisposeAsync().ConfigureAwait(false);
        foreach (PluginStatus plugin in Plugins.Plugins.Where(plugin => plugin.Leases > 0))
        {
            OnNotice?.Invoke(
                $"Plugin '{plugin.Entry.Id}' stays in memory until the process ends: {plugin.Leases} {(plugin.Leases == 1 ? "object" : "objects")} still "
                + "used it.");
            OnLeftRunning?.Invoke();
        }
    }

    // Pipelines that were dropped without being disposed give their plugins back with the garbage.
    private static void CollectDropped()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }
}
