using System.Reflection;
using System.Runtime.Loader;

namespace Aperture.Scripting;

/// <summary>The collectible context of one session: every submission and every DLL named by <c>#r</c> is loaded here and goes when the session goes.</summary>
internal sealed class ScriptLoadContext(ScriptLibraries libraries) : AssemblyLoadContext("script session", isCollectible: true)
{
    /// <summary>The static method that runs the submission; null if there is nothing to run.</summary>
    public MethodInfo? LoadFactory(Submission submission)
    {
        if (submission.Image.Length == 0)
        {
            return null;
        }

        using var image = new MemoryStream(submission.Image, writable: false);
        using var symbols = new MemoryStream(submission.Symbols, writable: false);
        Assembly assembly = LoadFromStream(image, symbols);
        return assembly.GetType(submission.FactoryType, throwOnError: true)!
            .GetMethod(submission.FactoryMethod, BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic);
    }

    // Earlier submissions need no entry here: the runtime finds what this context has loaded before it asks. (A field that held them would keep
    // the context alive for ever, because the runtime holds the context until its assemblies are gone.)
    protected override Assembly? Load(AssemblyName assemblyName) =>
        libraries.FindShared(assemblyName) ?? (libraries.FindFile(assemblyName.Name!) is { } path ? LoadLibrary(path) : null);

    // From streams, so that the file can be rebuilt while the session lives.
    private Assembly LoadLibrary(string path)
    {
        using var image = new MemoryStream(File.ReadAllBytes(path), writable: false);
        string symbolsPath = Path.ChangeExtension(path, ".pdb");
        if (!File.Exists(symbolsPath))
        {
            return LoadFromStream(image);
        }

        using var symbols = new MemoryStream(File.ReadAllBytes(symbolsPath), writable: false);
        return LoadFromStream(image, symbols);
    }

    protected override nint LoadUnmanagedDll(string unmanagedDllName) =>
        libraries.FindNative(unmanagedDllName) is { } path ? LoadUnmanagedDllFromPath(path) : 0;
}
