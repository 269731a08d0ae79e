using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Aperture.Scripting;

/// <summary>
/// The key of a compiled script: everything its compilation depends on. Directives are found by a line scan, without the compiler; a line that only looks like
/// one (in a comment) can add a dependency, never lose one.
/// </summary>
internal static partial class ScriptCacheKey
{
    public static string Compute(ScriptSource source, Type globalsType, ScriptSessionOptions options)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add(hash, "aperture script 1");
        Add(hash, typeof(ScriptCacheKey).Assembly.ManifestModule.ModuleVersionId.ToString());
        Add(hash, typeof(object).Module.ModuleVersionId.ToString());
        Add(hash, SubmissionCompiler.Language.ToString());
        Add(hash, options.Optimize.ToString());
        Add(hash, globalsType.AssemblyQualifiedName ?? globalsType.Name);
        for (Type? type = globalsType; type is not null; type = type.BaseType)
        {
            Add(hash, type.Module.ModuleVersionId.ToString());
        }

        foreach (Assembly reference in options.References)
        {
            Add(hash, $"{reference.FullName} {reference.ManifestModule.ModuleVersionId}");
        }

        foreach (string import in options.Imports)
        {
            Add(hash, import);
        }

        AddText(hash, source.Text, source.Path, options, []);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void AddText(IncrementalHash hash, string text, string path, ScriptSessionOptions options, HashSet<string> seen)
    {
        Add(hash, path);
        Add(hash, text);
        foreach (Match directive in Directive().Matches(text))
        {
            string named = directive.Groups["path"].Value;
            string full = Path.GetFullPath(named, Path.GetDirectoryName(path) ?? options.BaseFolder);
            if (!seen.Add(full))
            {
                continue;
            }

            if (!File.Exists(full))
            {
                AddNamedAssembly(hash, named, options);
            }
            else if (directive.Groups["kind"].Value == "load")
            {
                AddText(hash, File.ReadAllText(full), full, options, seen);
            }
            else
            {
                AddNamedAssembly(hash, Path.GetFileNameWithoutExtension(full), options);
                Add(hash, full);
                Add(hash, ReadVersion(full));
            }
        }
    }

    // An assembly named by #r may be a plugin's that is loaded already: its version counts, not that of the file.
    private static void AddNamedAssembly(IncrementalHash hash, string name, ScriptSessionOptions options)
    {
        Add(hash, name);
        if (AssemblyNameShape().IsMatch(name) && options.ResolveAssembly(new AssemblyName(name)) is { } assembly)
        {
            Add(hash, assembly.ManifestModule.ModuleVersionId.ToString());
        }
    }

    private static string ReadVersion(string path)
    {
        using PEReader reader = new(File.OpenRead(path));
        try
        {
            MetadataReader metadata = reader.GetMetadataReader();
            return metadata.GetGuid(metadata.GetModuleDefinition().Mvid).ToString();
        }
        catch (Exception e) when (e is BadImageFormatException or InvalidOperationException)
        {
            return "no assembly"; // The compiler reports it, with its place.
        }
    }

    private static void Add(IncrementalHash hash, string text)
    {
        hash.AppendData(BitConverter.GetBytes(text.Length));
        hash.AppendData(Encoding.Unicode.GetBytes(text));
    }

    [GeneratedRegex("""^[ \t]*#[ \t]*(?<kind>r|load)[ \t]*"(?<path>[^"\r\n]+)"?""", RegexOptions.Multiline)]
    private static partial Regex Directive();

    [GeneratedRegex("^[A-Za-z0-9_.-]+$")]
    private static partial Regex AssemblyNameShape();
}
