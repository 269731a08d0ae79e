using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.Loader;
using System.Security.Cryptography;

namespace Aperture.Scripting;

/// <summary>
/// Finds the assembly for a name, the same way at compile time and at run time: what the host's delegate knows (plugins), then what the host itself
/// has, then the DLLs named by <c>#r</c> and the folders they lie in. The host's copy wins, because two copies of a shared assembly are two sets of types
/// (and two copies of libtorch end the process).
/// </summary>
internal sealed class ScriptLibraries(Func<AssemblyName, Assembly?> resolve)
{
    private readonly ConcurrentDictionary<string, string> _paths = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, string> _loaded = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, string> _packageAssemblies = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, string> _packageNatives = new(StringComparer.Ordinal);

    public static AssemblyLoadContext HostContext { get; } =
        AssemblyLoadContext.GetLoadContext(typeof(ScriptLibraries).Assembly) ?? AssemblyLoadContext.Default;

    /// <summary>Adds a DLL named by <c>#r</c>.</summary>
    public void Add(string path) => _paths[Path.GetFileNameWithoutExtension(path)] = path;

    /// <summary>Notes what was loaded under a name: that is what runs from now on.</summary>
    public void NoteLoaded(string path, byte[] image) => _loaded[Path.GetFileNameWithoutExtension(path)] = HashOf(image);

    /// <summary>Whether a DLL holds something else than the one of its name that runs.</summary>
    public bool HasChanged(string path)
        => _loaded.TryGetValue(Path.GetFileNameWithoutExtension(path), out string? running) && running != HashOf(File.ReadAllBytes(path));

    /// <summary>Adds the files of a package.</summary>
    public void Add(PackageLibrary package)
    {
        foreach (string path in package.Assemblies)
        {
            _packageAssemblies[Path.GetFileNameWithoutExtension(path)] = path;
        }

        foreach (string path in package.Natives)
        {
            _packageNatives[Path.GetFileName(path)] = path;
        }
    }

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
    public string? FindFile(string name) => _paths.TryGetValue(name, out string? path) ? path : Beside(name + ".dll") ?? FindInPackages(name);

    /// <summary>The assembly of a package for a name that is not shared, or null. Its file never changes.</summary>
    public string? FindInPackages(string name) => _packageAssemblies.GetValueOrDefault(name);

    /// <summary>A native library that lies beside one of the DLLs or comes with a package, or null.</summary>
    public string? FindNative(string name)
    {
        string[] files = [name, $"lib{name}.so", name + ".so"];
        return files.Select(Beside).FirstOrDefault(path => path is not null)
            ?? files.Select(file => _packageNatives.GetValueOrDefault(file)).FirstOrDefault(path => path is not null);
    }

    private static string HashOf(byte[] image) => Convert.ToHexString(SHA256.HashData(image));

    private string? Beside(string file) => _paths.Values
        .Select(p => Path.Combine(Path.GetDirectoryName(p)!, file))
        .FirstOrDefault(File.Exists);
}
