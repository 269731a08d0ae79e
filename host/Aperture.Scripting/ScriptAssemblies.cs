using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.Loader;

namespace Aperture.Scripting;

/// <summary>
/// Where the code of a session is loaded: each submission in a collectible context of its own, which goes when nothing refers to the submission any more, and
/// every DLL
/// named by <c>#r</c> in one that goes with the session.
/// </summary>
internal sealed class ScriptAssemblies(ScriptLibraries libraries) : IDisposable
{
    private const int SweepEvery = 64;

    // Weak: what a later submission uses of an earlier one is alive anyway, through that one's object; what nothing uses must be free to go.
    private readonly ConcurrentDictionary<string, WeakReference<Assembly>> _submissions = new(StringComparer.OrdinalIgnoreCase);
    private readonly LibraryContext _library = new(libraries);
    private int _loaded;

    /// <summary>The static method that runs the submission; null if there is nothing to run.</summary>
    public MethodInfo? LoadFactory(Submission submission)
    {
        if (submission.Image.Length == 0)
        {
            return null;
        }

        SubmissionContext context = new(this);
        using MemoryStream image = new(submission.Image, writable: false);
        using MemoryStream symbols = new(submission.Symbols, writable: false);
        Assembly assembly = context.LoadFromStream(image, symbols);
        _submissions[submission.AssemblyName] = new WeakReference<Assembly>(assembly);
        context.Unload(); // Not now, but as soon as no object, delegate or running method of it is left.
        Sweep();
        return assembly.GetType(submission.FactoryType, throwOnError: true)!
            .GetMethod(submission.FactoryMethod, BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic);
    }

    /// <summary>Whether an assembly is a submission or a library of this session.</summary>
    public bool Owns(Assembly assembly) =>
        AssemblyLoadContext.GetLoadContext(assembly) is { } context
        && (context == _library || (context is SubmissionContext { Owner: var owner } && owner == this));

    /// <summary>Lets the libraries go.</summary>
    public void Dispose()
    {
        _submissions.Clear();
        _library.Unload();
    }

    private Assembly? Find(AssemblyName name) =>
        _submissions.TryGetValue(name.Name!, out WeakReference<Assembly>? weak) && weak.TryGetTarget(out Assembly? submission) ? submission
        : libraries.FindShared(name) ?? _library.Find(name);

    private void Sweep()
    {
        if (++_loaded % SweepEvery != 0)
        {
            return;
        }

        foreach ((string name, WeakReference<Assembly> weak) in _submissions)
        {
            if (!weak.TryGetTarget(out _))
            {
                _submissions.TryRemove(name, out _);
            }
        }
    }

    private sealed class SubmissionContext(ScriptAssemblies owner) : AssemblyLoadContext("script submission", isCollectible: true)
    {
        public ScriptAssemblies Owner => owner;

        protected override Assembly? Load(AssemblyName assemblyName) => owner.Find(assemblyName);

        protected override nint LoadUnmanagedDll(string unmanagedDllName) => owner._library.FindNative(unmanagedDllName);
    }

    private sealed class LibraryContext(ScriptLibraries libraries) : AssemblyLoadContext("script libraries", isCollectible: true)
    {
        /// <summary>The library of a name, or null if no <c>#r</c> leads to it.</summary>
        public Assembly? Find(AssemblyName name) =>
            Assemblies.FirstOrDefault(a => string.Equals(a.GetName().Name, name.Name, StringComparison.OrdinalIgnoreCase))
            ?? (libraries.FindFile(name.Name!) is { } path ? LoadLibrary(path) : null);

        public nint FindNative(string name) => libraries.FindNative(name) is { } path ? LoadUnmanagedDllFromPath(path) : 0;

        protected override Assembly? Load(AssemblyName assemblyName) =>
            libraries.FindShared(assemblyName) ?? (libraries.FindFile(assemblyName.Name!) is { } path ? LoadLibrary(path) : null);

        protected override nint LoadUnmanagedDll(string unmanagedDllName) => FindNative(unmanagedDllName);

        // From streams, so that the file can be rebuilt while the session lives; those of packages never are, and some look for files beside their own.
        private Assembly LoadLibrary(string path)
        {
            if (libraries.FindInPackages(Path.GetFileNameWithoutExtension(path)) == path)
            {
                return LoadFromAssemblyPath(path);
            }

            byte[] bytes = File.ReadAllBytes(path);
            libraries.NoteLoaded(path, bytes);
            using MemoryStream image = new(bytes, writable: false);
            string symbolsPath = Path.ChangeExtension(path, ".pdb");
            if (!File.Exists(symbolsPath))
            {
                return LoadFromStream(image);
            }

            using MemoryStream symbols = new(File.ReadAllBytes(symbolsPath), writable: false);
            return LoadFromStream(image, symbols);
        }
    }
}
