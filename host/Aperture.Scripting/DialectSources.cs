using System.Collections.Concurrent;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Scripting;
using Microsoft.CodeAnalysis.Text;

namespace Aperture.Scripting;

/// <summary>Finds and reads the files of <c>#load</c>: as Roslyn's scripting does, in the dialect of sessions.</summary>
internal sealed class DialectSources(string baseFolder) : SourceReferenceResolver
{
    private readonly ScriptSourceResolver _files = ScriptSourceResolver.Default.WithBaseDirectory(baseFolder);
    private readonly ConcurrentDictionary<string, IReadOnlyList<string>> _usings = new(StringComparer.Ordinal);

    /// <summary>The variables that a file which was read wants disposed.</summary>
    public IReadOnlyList<string> UsingsOf(string path) => _usings.GetValueOrDefault(path, []);

    public override string? NormalizePath(string path, string? baseFilePath) => _files.NormalizePath(path, baseFilePath);

    public override string? ResolveReference(string path, string? baseFilePath) => _files.ResolveReference(path, baseFilePath);

    public override Stream OpenRead(string resolvedPath) => _files.OpenRead(resolvedPath);

    public override SourceText ReadText(string resolvedPath)
    {
        SourceText source = _files.ReadText(resolvedPath);
        string written = source.ToString();
        (string text, IReadOnlyList<string> usings) = ScriptDialect.Understand(written);
        _usings[resolvedPath] = usings;
        return ReferenceEquals(text, written) ? source : SourceText.From(text, source.Encoding ?? Encoding.UTF8);
    }

    public override bool Equals(object? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);
}
