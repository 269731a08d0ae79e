using System.Reflection;
using System.Runtime.ExceptionServices;
using Aperture.Plugins;
using Aperture.Tasks;

namespace Aperture.Scripting;

/// <summary>What a <see cref="ScriptSession"/> compiles against and where it keeps compiled scripts.</summary>
public sealed record ScriptSessionOptions
{
    /// <summary>Namespaces that need no <c>using</c>.</summary>
    public IReadOnlyList<string> Imports { get; init; } =
    [
        "System", "System.Collections.Generic", "System.IO", "System.Linq", "System.Threading", "System.Threading.Tasks", "Aperture",
    ];

    /// <summary>Assemblies that scripts see without <c>#r</c>, beside the framework and the assemblies of the globals type.</summary>
    public IReadOnlyList<Assembly> References { get; init; } = [];

    /// <summary>
    /// Hands back the already loaded assembly (a plugin's) for a name, or null. Asked before anything else, both when compiling and when running,
    /// so that a script and a plugin mean the same type by the same name.
    /// </summary>
    public Func<AssemblyName, Assembly?> ResolveAssembly { get; init; } = static _ => null;

    /// <summary>
    /// Tells the id of the unloaded plugin that an assembly came with, or null for every other assembly. A submission that uses a variable with an object of
    /// such an
    /// assembly is refused.
    /// </summary>
    public Func<Assembly, string?> RetiredPluginOf { get; init; } = static _ => null;

    /// <summary>Lists the methods of plugins, for completion in a pipeline's <c>With</c>. Asked when somebody writes one, from any thread.</summary>
    public Func<IReadOnlyList<PluginMethod>> Methods { get; init; } = static () => [];

    /// <summary>
    /// Gets what code that an entry left in the background threw and nobody awaits, such as an <c>async void</c> method. By default it ends the process, as
    /// it does everywhere.
    /// </summary>
    public Action<Exception> OnBackgroundError { get; init; } = static error => ExceptionDispatchInfo.Throw(error);

    /// <summary>
    /// Whether <see cref="OnBackgroundError"/> also gets the exceptions that leave a thread, of whoever's in the process, while the session lives. The thread
    /// ends and the process goes on.
    /// </summary>
    public bool WatchesThreads { get; init; }

    /// <summary>The folder that <c>#r</c> and <c>#load</c> in cells are relative to. Files use their own folder.</summary>
    public string BaseFolder { get; init; } = Environment.CurrentDirectory;

    /// <summary>The folder of compiled scripts; null keeps none.</summary>
    public string? CacheFolder { get; init; } = ScriptCache.DefaultFolder;

    /// <summary>
    /// The folder that remembers which packages <c>#r "nuget: …"</c> stood for, so that only the first start restores them. Null keeps none, and there are no
    /// packages.
    /// </summary>
    public string? PackageFolder { get; init; } = UserCache.Folder("packages");

    /// <summary>Compile with optimisation. False keeps locals for a debugger.</summary>
    public bool Optimize { get; init; } = true;
}
