using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Reflection;
using System.Reflection.Metadata;
using System.Runtime.CompilerServices;
using Aperture.Tasks;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Scripting;

namespace Aperture.Scripting;

/// <summary>
/// Turns loaded assemblies into compiler references through the metadata in memory, which works for assemblies without a file too
/// (single-file publishing, assemblies loaded from streams). Also answers <c>#r</c>.
/// </summary>
internal sealed class ScriptMetadataReferences(ScriptLibraries libraries, ScriptPackages packages, string baseFolder) : MetadataReferenceResolver
{
    // What scripts commonly name; what these refer to is found by ResolveMissingAssembly.
    private static readonly string[] _framework =
    [
        "System.Runtime", "System.Collections", "System.Collections.Concurrent", "System.Collections.Immutable", "System.ComponentModel.Primitives",
        "System.Console", "System.Diagnostics.Process", "System.IO.Compression", "System.IO.Compression.ZipFile", "System.IO.MemoryMappedFiles",
        "System.Linq", "System.Linq.AsyncEnumerable", "System.Linq.Expressions", "System.Linq.Parallel", "System.Linq.Queryable", "System.Memory",
        "System.Net.Http", "System.Net.Primitives", "System.ObjectModel", "System.Private.CoreLib", "System.Private.Uri", "System.Runtime.Extensions",
        "System.Runtime.InteropServices", "System.Runtime.Intrinsics", "System.Runtime.Numerics", "System.Security.Cryptography", "System.Text.Json",
        "System.Text.RegularExpressions", "System.Threading", "System.Threading.Channels", "System.Threading.Tasks.Parallel",
        "System.Xml.ReaderWriter", "System.Xml.XDocument", "Microsoft.CSharp", "netstandard",
    ];

    private readonly ScriptMetadataResolver _files = ScriptMetadataResolver.Default.WithBaseDirectory(baseFolder);
    private readonly ConditionalWeakTable<Assembly, PortableExecutableReference> _cache = []; // Weak, so that no plugin stays in memory for it.
    private readonly ConcurrentDictionary<string, PortableExecutableReference> _ofPackages = new(StringComparer.Ordinal);
    private readonly List<string> _resolvedPaths = [];

    public override bool ResolveMissingAssemblies => true;

    /// <summary>The paths answered for <c>#r</c> since the last call.</summary>
    public IReadOnlyList<string> TakeResolvedPaths()
    {
        string[] paths = [.. _resolvedPaths.Distinct()];
        _resolvedPaths.Clear();
        return paths;
    }

    public IEnumerable<PortableExecutableReference> FrameworkReferences() => _framework
        .Select(name => libraries.FindShared(new AssemblyName(name)))
        .OfType<Assembly>()
        .Select(For);

    public PortableExecutableReference For(Assembly assembly) => _cache.GetValue(assembly, static a => AssemblyMetadata.Create(ReadModule(a)).GetReference(
        documentation: a.Location.Length == 0 ? null : new DocumentationFile(a.Location),
        filePath: a.GetName().Name + ".dll"));

    /// <summary>What the session's packages bring: a <c>#r</c> stands for one assembly only, so submissions are given these beside it.</summary>
    public IEnumerable<PortableExecutableReference> OfPackages(IReadOnlyList<PackageLibrary> found) =>
        found.SelectMany(library => library.Assemblies).Select(OfPackage);

    /// <summary>The same answers for code that is being written: nothing is noted for a run.</summary>
    public MetadataReferenceResolver WithoutRecord() => new Unrecorded(this);

    private static unsafe ModuleMetadata ReadModule(Assembly assembly)
    {
        if (!assembly.TryGetRawMetadata(out byte* blob, out int length))
        {
            throw new ApertureException($"Scripts cannot refer to {assembly.GetName().Name}: it has no metadata (it was generated at run time).");
        }

        // The metadata of an assembly that can unload may go while the compiler still looks at it.
        return assembly.IsCollectible
            ? Copied(new ReadOnlySpan<byte>(blob, length))
            : ModuleMetadata.CreateFromMetadata((nint)blob, length);
    }

    private static unsafe ModuleMetadata Copied(ReadOnlySpan<byte> metadata)
    {
        byte[] copy = GC.AllocateUninitializedArray<byte>(metadata.Length, pinned: true);
        metadata.CopyTo(copy);
        // The action holds the copy as long as it is read.
        return ModuleMetadata.CreateFromMetadata((nint)Unsafe.AsPointer(ref copy[0]), copy.Length, () => GC.KeepAlive(copy));
    }

    public override ImmutableArray<PortableExecutableReference> ResolveReference(string reference, string? baseFilePath, MetadataReferenceProperties properties)
    {
        ImmutableArray<PortableExecutableReference> found = Find(reference, baseFilePath, properties, out string? path);
        if (path is not null)
        {
            libraries.Add(path);
            _resolvedPaths.Add(path);
        }

        return found;
    }

    private ImmutableArray<PortableExecutableReference> Find(
        string reference, string? baseFilePath, MetadataReferenceProperties properties, out string? libraryPath)
    {
        libraryPath = null;
        if (PackageRequest.IsPackage(reference))
        {
            // A package without an assembly of its own (only its dependencies count) still has to be answered.
            return packages.Find(reference) is not { } package ? []
                : package.Assemblies is [string first, ..] ? [OfPackage(first)]
                : [For(typeof(object).Assembly)];
        }

        bool isPath = reference.EndsWith(".dll", StringComparison.OrdinalIgnoreCase) || reference.EndsWith(".exe", StringComparison.OrdinalIgnoreCase);
        if (!isPath)
        {
            return reference.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-') && libraries.FindShared(new AssemblyName(reference)) is { } named
                ? [For(named)]
                : [];
        }

        if (libraries.FindShared(new AssemblyName { Name = Path.GetFileNameWithoutExtension(reference) }) is { } shared)
        {
            return [For(shared)];
        }

        // Roslyn's scripting says which file it is; its own reference to it has no documentation.
        if (_files.ResolveReference(reference, baseFilePath, properties) is not [{ FilePath: { } path }])
        {
            return [];
        }

        libraryPath = path;
        return [MetadataReference.CreateFromImage(File.ReadAllBytes(path), properties, new DocumentationFile(path), path)];
    }

    private PortableExecutableReference OfPackage(string path) => _ofPackages.GetOrAdd(path, file =>
        libraries.FindShared(new AssemblyName { Name = Path.GetFileNameWithoutExtension(file) }) is { } shared
            ? For(shared)
            : MetadataReference.CreateFromImage(File.ReadAllBytes(file), default, new DocumentationFile(file), file));

    public override PortableExecutableReference? ResolveMissingAssembly(MetadataReference definition, AssemblyIdentity referenceIdentity)
    {
        AssemblyName name = new(referenceIdentity.Name);
        if (libraries.FindShared(name) is { } shared)
        {
            return For(shared);
        }

        return libraries.FindFile(referenceIdentity.Name) is { } path ? MetadataReference.CreateFromImage(File.ReadAllBytes(path), filePath: path) : null;
    }

    public override bool Equals(object? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => RuntimeHelpers.GetHashCode(this);

    private sealed class Unrecorded(ScriptMetadataReferences owner) : MetadataReferenceResolver
    {
        public override bool ResolveMissingAssemblies => true;

        public override ImmutableArray<PortableExecutableReference> ResolveReference(
            string reference, string? baseFilePath, MetadataReferenceProperties properties) =>
            owner.Find(reference, baseFilePath, properties, out _);

        public override PortableExecutableReference? ResolveMissingAssembly(MetadataReference definition, AssemblyIdentity referenceIdentity) =>
            owner.ResolveMissingAssembly(definition, referenceIdentity);

        public override bool Equals(object? other) => other is Unrecorded { Owner: { } theirs } && ReferenceEquals(theirs, owner);

        public override int GetHashCode() => owner.GetHashCode();

        private ScriptMetadataReferences Owner => owner;
    }
}
