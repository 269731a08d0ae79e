using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace Aperture.Scripting;

/// <summary>The text of a <c>#r</c> that names a package, and where it stands.</summary>
/// <param name="Reference">The text between the quotes.</param>
/// <param name="File">The script file or the cell's name; empty where nobody wrote it.</param>
/// <param name="Line">1-based; 0 without a place.</param>
/// <param name="Column">1-based; 0 without a place.</param>
internal sealed record PackageDirective(string Reference, string File = "", int Line = 0, int Column = 0)
{
    /// <summary>Finds the directives of a submission and of the files it loads, in order.</summary>
    public static IReadOnlyList<PackageDirective> Find(SyntaxTree tree, SourceReferenceResolver sources)
    {
        List<PackageDirective> found = [];
        Find(tree, sources, found, []);
        return found;
    }

    private static void Find(SyntaxTree tree, SourceReferenceResolver sources, List<PackageDirective> found, HashSet<string> seen)
    {
        CompilationUnitSyntax root = (CompilationUnitSyntax)tree.GetRoot();
        if (!root.ContainsDirectives)
        {
            return;
        }

        foreach (ReferenceDirectiveTriviaSyntax directive in root.GetReferenceDirectives().Where(d => d.IsActive && PackageRequest.IsPackage(d.File.ValueText)))
        {
            LinePosition place = tree.GetLineSpan(directive.Span).StartLinePosition;
            found.Add(new PackageDirective(directive.File.ValueText, tree.FilePath, place.Line + 1, place.Character + 1));
        }

        foreach (LoadDirectiveTriviaSyntax directive in root.GetLoadDirectives().Where(d => d.IsActive))
        {
            // A file that is not there is the compiler's to report.
            if (sources.ResolveReference(directive.File.ValueText, tree.FilePath) is { } path && seen.Add(path) && TryRead(sources, path) is { } text)
            {
                Find(CSharpSyntaxTree.ParseText(text, SubmissionCompiler.Parsing, path), sources, found, seen);
            }
        }
    }

    private static SourceText? TryRead(SourceReferenceResolver sources, string path)
    {
        try
        {
            return sources.ReadText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return null;
        }
    }
}
