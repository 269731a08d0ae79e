using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.Loader;

namespace Aperture.Scripting;

/// <summary>
/// Finds the assembly for a name, the same way at compile time and at run time: what the host's delegate knows (plugins), then what the host itself
/// has, then the DLLs named by <c>#r</c> and the folders they lie in. The host's copy wins, because two copies of a shared assembly are two sets of types
/// (and two copies of libtorch end the process).
/// </summary>
internal sealed class ScriptLibraries(Func<AssemblyName, Assembly?> resolve)
{
    private readonly ConcurrentDictionary<string, string> _paths = new(StringComparer.OrdinalIgnoreCase);

    public static AssemblyLoadContext HostContext { get; } =
        AssemblyLoadContext.GetLoadContext(typeof(ScriptLibraries).Assembly) ?? AssemblyLoadContext.Default;

    /// <summary>Adds a DLL named by <c>#r</c>.</summary>
    public void Add(string path) => _paths[Path.GetFileNameWithoutExtension(path)] = path;

    /// <summary>The assembly that is shared with the script, or null.</summary>
    public Assembly? FindShared(AssemblyName name)
    {
        if (resolve(name) is { } plugin)
        {
            return plugin;
        }

        try
        {
            return HostContext.LoadFromAssemblyName(new AssemblyName(name.Name!));
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    /// <summary>The DLL for a name that is not shared, or null.</summary>
    public string? FindFile(string name) => _paths.TryGetValue(name, out string? path) ? path : Beside(name + ".dll");

    /// <summary>A native library that lies beside one of the DLLs, or null.</summary>
    public string? FindNative(string name) => Beside(name) ?? Beside($"lib{name}.so") ?? Beside(name + ".so");

    private string? Beside(string file) => _paths.Values
        .Select(p => Path.Combine(Path.GetDirectoryName(p)!, file))
        .FirstOrDefault(File.Exists);
}
