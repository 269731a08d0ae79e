using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using Aperture.Pipelines;
using Aperture.Tasks;
using McMaster.NETCore.Plugins;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Aperture.Plugins;

/// <summary>
/// A loaded plugin: its load context, its service provider, its method factories and commands. The only place that knows the loader library. Nothing of the
/// plugin may outlive <see cref="DisposeServicesAsync"/> and <see cref="StartUnload"/>, so exceptions leave as text and every step that touches plugin objects
/// has a stack frame of its own.
/// </summary>
internal sealed class PluginHandle
{
    private PluginLoader? _loader;
    private ServiceProvider? _provider;

    private PluginHandle(PluginLoader loader, string shadow, IReadOnlyList<string> pins)
    {
        _loader = loader;
        Shadow = shadow;
        Pins = pins;
    }

    /// <summary>The folder it was loaded from.</summary>
    public string Shadow { get; }

    /// <summary>What it uses that is known to keep plugins in memory.</summary>
    public IReadOnlyList<string> Pins { get; }

    /// <summary>The methods' factories, in the order of registration; empty after unloading.</summary>
    public IReadOnlyList<IMethodFactory> Methods { get; private set; } = [];

    /// <summary>The tasks' factories, in the order of registration; empty after unloading.</summary>
    public IReadOnlyList<ITaskFactory> Tasks { get; private set; } = [];

    /// <summary>The commands, in the order of registration; empty after unloading.</summary>
    public IReadOnlyList<IPluginCommand> Commands { get; private set; } = [];

    /// <summary>The plugin's own assembly.</summary>
    public Assembly EntryAssembly => (_loader ?? throw new ObjectDisposedException(nameof(PluginHandle))).LoadDefaultAssembly();

    /// <summary>The plugin's services.</summary>
    public IServiceProvider Services => _provider ?? throw new ObjectDisposedException(nameof(PluginHandle));

    /// <summary>Loads an examined plugin from a copy of its folder.</summary>
    /// <returns>Null, with the cause in <paramref name="failure"/>, if it cannot be loaded; nothing of it is left running then.</returns>
    public static PluginHandle? Load(PluginReport report, string shadow, ILoggerFactory loggers, out PluginFailure? failure)
    {
        string file = Path.Combine(shadow, Path.GetFileName(report.EntryAssembly!));
        PluginConfig config = new(file)
        {
            IsUnloadable = true,
            IsLazyLoaded = true,
            DefaultContext = SharedAssemblies.HostContext,
        };
        foreach (string name in SharedAssemblies.Names)
        {
            config.SharedAssemblies.Add(new AssemblyName(name));
        }

        PluginHandle handle = new(new PluginLoader(config), shadow, report.Pins);
        failure = handle.Start(report, loggers);
        if (failure is null)
        {
            return handle;
        }

        // Services that Register already made are dropped undisposed: the plugin failed half-way and owns them.
        handle.StartUnload();
        return null;
    }

    /// <summary>Drops factories and commands and disposes the plugin's services.</summary>
    /// <returns>What disposing threw, as text; null if nothing.</returns>
    public async Task<string?> DisposeServicesAsync()
    {
        (Methods, Tasks, Commands) = ([], [], []);
        ServiceProvider? provider = _provider;
        _provider = null;
        if (provider is null)
        {
            return null;
        }

        try
        {
            await provider.DisposeAsync().ConfigureAwait(false);
            return null;
        }
        catch (Exception error)
        {
            return Describe(error);
        }
    }

    /// <summary>Notes that the plugin's context is one of a plugin that has been unloaded.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void RetireTo(RetiredPlugins retired, string plugin) => retired.Add(_loader!.LoadContext, plugin);

    /// <summary>Starts unloading the plugin's context.</summary>
    /// <returns>A reference by which to see whether the context has gone.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public WeakReference StartUnload()
    {
        (Methods, Tasks, Commands) = ([], [], []);
        _provider = null;
        WeakReference context = new(_loader!.LoadContext, trackResurrection: true);
        _loader.Dispose();
        _loader = null;
        return context;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    [SuppressMessage("Design", "CA1031", Justification = "A plugin's code may throw anything; every exception becomes a typed failure.")]
    private PluginFailure? Start(PluginReport report, ILoggerFactory loggers)
    {
        IAperturePlugin plugin;
        try
        {
            Type type = _loader!.LoadDefaultAssembly().GetType(report.EntryType!, throwOnError: true)!;
            plugin = (IAperturePlugin)Activator.CreateInstance(type)!;
        }
        catch (TargetInvocationException error) when (error.InnerException is { } inner)
        {
            return new PluginFailure.ConstructorThrew(report.Plugin, report.EntryType!, Describe(inner), inner.ToString());
        }
        catch (Exception error) when (error is BadImageFormatException or FileLoadException or FileNotFoundException or TypeLoadException)
        {
            return new PluginFailure.BadImage(report.Plugin, report.EntryAssembly!, Describe(error));
        }

        ServiceCollection services = new();
        services.AddSingleton(loggers);
        services.AddSingleton(typeof(ILogger<>), typeof(Logger<>));
        try
        {
            plugin.Register(services);
        }
        catch (Exception error)
        {
            return new PluginFailure.RegisterThrew(report.Plugin, report.EntryType!, Describe(error), error.ToString());
        }

        return MakeParts(report.Plugin, services);
    }

    private PluginFailure? MakeParts(string plugin, ServiceCollection services)
    {
        try
        {
            _provider = services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });
        }
        catch (Exception error)
        {
            return new PluginFailure.InvalidMethods(plugin, $"making the services of '{plugin}' threw {Describe(error)}");
        }

        if (Make(services, "method", factory => factory.Name, out List<IMethodFactory> methods) is { } method)
        {
            return new PluginFailure.InvalidMethods(plugin, method);
        }

        List<ITaskFactory> tasks = [];
        string? task = Misregistered(services) ?? Make(services, "task", factory => factory.Name, out tasks) ?? Unopenable(tasks);
        if (task is not null)
        {
            return new PluginFailure.InvalidTasks(plugin, task);
        }

        if (Make(services, "command", command => command.Name, out List<IPluginCommand> commands) is { } wrong)
        {
            return new PluginFailure.InvalidCommands(plugin, wrong);
        }

        (Methods, Tasks, Commands) = (methods, tasks, commands);
        return null;
    }

    // Makes the parts of one kind, each registered under its own name; gives what is wrong with them, null if nothing.
    private string? Make<T>(ServiceCollection services, string kind, Func<T, string> nameOf, out List<T> parts)
        where T : class
    {
        parts = [];
        HashSet<string> names = new(StringComparer.OrdinalIgnoreCase);
        foreach (ServiceDescriptor service in services.Where(service => service.ServiceType == typeof(T)))
        {
            if (!service.IsKeyedService || service.ServiceKey is not string key || string.IsNullOrWhiteSpace(key))
            {
                return $"a {kind} is registered {(service.IsKeyedService ? $"under the key '{service.ServiceKey}', which is not a name" : "without a key")}";
            }

            if (!names.Add(key))
            {
                return $"the {kind} '{key}' is registered twice";
            }

            try
            {
                T part = _provider!.GetRequiredKeyedService<T>(key);
                if (nameOf(part) != key)
                {
                    return $"the {kind} registered as '{key}' calls itself '{nameOf(part)}'";
                }

                parts.Add(part);
            }
            catch (Exception error)
            {
                return $"making the services of '{key}' threw {Describe(error)}";
            }
        }

        return null;
    }

    private static string? Misregistered(ServiceCollection services)
        => services.Any(service => IsOpener(service.ServiceType)) ? $"a task is registered as {nameof(ITaskFactory)}<…>, where nothing looks for it" : null;

    private static string? Unopenable(List<ITaskFactory> tasks)
        => tasks.Find(task => !Array.Exists(task.GetType().GetInterfaces(), IsOpener)) is { } task
            ? $"the task '{task.Name}' implements no {nameof(ITaskFactory)}<…> and opens nothing"
            : null;

    private static bool IsOpener(Type type) => type.IsConstructedGenericType && type.GetGenericTypeDefinition() == typeof(ITaskFactory<>);

    private static string Describe(Exception error)
    {
        string message = error.Message.ReplaceLineEndings(" ").TrimEnd('.', ' ');
        return $"{error.GetType().Name}: {message}";
    }
}
