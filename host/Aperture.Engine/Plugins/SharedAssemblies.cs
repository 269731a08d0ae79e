using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.Loader;

namespace Aperture.Plugins;

/// <summary>What host and plugins share, and which assemblies the host can lend besides.</summary>
internal sealed class SharedAssemblies
{
    /// <summary>Both contracts assemblies and everything that their public types show.</summary>
    public static readonly IReadOnlyList<string> Names =
    [
        "Aperture.Abstractions",
        "Aperture.Modules",
        "TorchSharp",
        "SkiaSharp",
        "SixLabors.ImageSharp",
        "Microsoft.Extensions.DependencyInjection.Abstractions",
        "Microsoft.Extensions.Logging.Abstractions",
    ];

    private readonly ConcurrentDictionary<string, Version?> _versions = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, string> _files = new(StringComparer.OrdinalIgnoreCase);
    private readonly string? _framework = Path.GetDirectoryName(typeof(object).Assembly.Location);

    public SharedAssemblies()
    {
        string trusted = AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES") as string ?? "";
        foreach (string file in trusted.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
        {
            _files.TryAdd(Path.GetFileNameWithoutExtension(file), file);
        }

        // The contracts that this code was compiled into the process with, wherever they were loaded from.
        AssemblyName contracts = typeof(IAperturePlugin).Assembly.GetName();
        _versions[contracts.Name!] = contracts.Version;
    }

    public static AssemblyLoadContext HostContext => AssemblyLoadContext.GetLoadContext(typeof(SharedAssemblies).Assembly) ?? AssemblyLoadContext.Default;

    public static bool IsShared(string assembly) => Names.Contains(assembly, StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether an assembly belongs to the .NET runtime itself.</summary>
    public bool IsFramework(string assembly) => _files.TryGetValue(assembly, out string? file) && Path.GetDirectoryName(file) == _framework;

    /// <summary>The version of an assembly that the host can lend; null where it has none.</summary>
    public Version? VersionOf(string assembly) => _versions.GetOrAdd(assembly, name => _files.TryGetValue(name, out string? file)
        ? AssemblyName.GetAssemblyName(file).Version
        : HostContext.Assemblies.FirstOrDefault(loaded => string.Equals(loaded.GetName().Name, name, StringComparison.OrdinalIgnoreCase))?.GetName().Version);
}
