using System.Collections.Immutable;
using System.Reflection;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Emit;
using Microsoft.CodeAnalysis.Text;

namespace Aperture.Scripting;

/// <summary>Roslyn's part of a session: the chain of script compilations, each seeing the ones before it.</summary>
internal sealed class SubmissionCompiler(Type globalsType, ScriptSessionOptions options, ScriptLibraries libraries)
{
    public const LanguageVersion Language = LanguageVersion.CSharp14;

    private static readonly CSharpParseOptions _parsing = new(Language, DocumentationMode.None, SourceCodeKind.Script);
    private readonly ScriptMetadataReferences _references = new(libraries, options.BaseFolder);
    private readonly List<Assembly> _added = [];

    /// <summary>Makes an assembly visible to the submissions that follow.</summary>
    public void AddReference(Assembly assembly) => _added.Add(assembly);

    /// <summary>Whether the text is a whole submission, or the user is still in the middle of it.</summary>
    public static bool IsComplete(string text) =>
        SyntaxFactory.IsCompleteSubmission(SyntaxFactory.ParseSyntaxTree(SourceText.From(text), _parsing));

    /// <summary>Binds a submission after <paramref name="previous"/>; nothing is emitted yet.</summary>
    public CSharpCompilation Bind(ScriptSource source, string assemblyName, CSharpCompilation? previous, CancellationToken cancellationToken)
    {
        SyntaxTree tree = SyntaxFactory.ParseSyntaxTree(SourceText.From(source.Text, Encoding.UTF8), _parsing, source.Path, cancellationToken);
        var compilationOptions = new CSharpCompilationOptions(
            OutputKind.DynamicallyLinkedLibrary,
            scriptClassName: "Submission",
            usings: previous is null ? options.Imports : [],
            optimizationLevel: options.Optimize ? OptimizationLevel.Release : OptimizationLevel.Debug,
            allowUnsafe: true,
            concurrentBuild: false,
            nullableContextOptions: NullableContextOptions.Annotations,
            sourceReferenceResolver: new SourceFileResolver([], options.BaseFolder),
            metadataReferenceResolver: _references,
            assemblyIdentityComparer: DesktopAssemblyIdentityComparer.Default);
        return CSharpCompilation.CreateScriptCompilation(
            assemblyName,
            tree,
            previous is null ? FirstReferences() : NewReferences(),
            compilationOptions,
            previous,
            typeof(object),
            globalsType);
    }

    /// <summary>Emits a bound submission, or returns its errors.</summary>
    public (Submission? Submission, IReadOnlyList<ScriptDiagnostic> Errors) Emit(CSharpCompilation compilation, CancellationToken cancellationToken)
    {
        using var image = new MemoryStream();
        using var symbols = new MemoryStream();
        EmitResult result = compilation.Emit(
            image,
            symbols,
            options: new EmitOptions(debugInformationFormat: DebugInformationFormat.PortablePdb),
            cancellationToken: cancellationToken);
        IReadOnlyList<string> paths = _references.TakeResolvedPaths();
        if (result.Diagnostics.Any(d => d.Severity == DiagnosticSeverity.Error))
        {
            return (null, [.. result.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).Select(ToDiagnostic)]);
        }

        if (!result.Success)
        {
            // Roslyn emits nothing for a submission of usings and directives alone; it still counts in the chain.
            return (new Submission(compilation.AssemblyName!, "", "", IsExpression: false, paths, [], []), []);
        }

        IMethodSymbol factory = compilation.GetEntryPoint(cancellationToken)!;
        return (new Submission(
            compilation.AssemblyName!,
            factory.ContainingType.MetadataName,
            factory.MetadataName,
            EndsInExpression(compilation, cancellationToken),
            paths,
            image.ToArray(),
            symbols.ToArray()), []);
    }

    private List<MetadataReference> FirstReferences()
    {
        var assemblies = new List<Assembly>();
        for (Type? type = globalsType; type is not null && type != typeof(object); type = type.BaseType)
        {
            assemblies.Add(type.Assembly);
        }

        assemblies.AddRange(options.References);
        return [.. _references.FrameworkReferences(), .. assemblies.Distinct().Select(_references.For), .. NewReferences()];
    }

    private List<MetadataReference> NewReferences()
    {
        List<MetadataReference> references = [.. _added.Distinct().Select(_references.For)];
        _added.Clear();
        return references;
    }

    private static bool EndsInExpression(CSharpCompilation compilation, CancellationToken cancellationToken)
    {
        SyntaxTree tree = compilation.SyntaxTrees[^1];
        if (((CompilationUnitSyntax)tree.GetRoot(cancellationToken)).Members is not [.., GlobalStatementSyntax { Statement: ExpressionStatementSyntax last }]
            || !last.SemicolonToken.IsMissing)
        {
            return false;
        }

        ITypeSymbol? type = compilation.GetSemanticModel(tree).GetTypeInfo(last.Expression, cancellationToken).ConvertedType;
        return type is not null && type.SpecialType != SpecialType.System_Void;
    }

    private static ScriptDiagnostic ToDiagnostic(Diagnostic diagnostic)
    {
        string message = diagnostic.GetMessage();
        if (diagnostic.Id == "CS0006" && message.Contains("nuget:", StringComparison.OrdinalIgnoreCase))
        {
            message += ". Packages are not restored by scripts: name the DLL itself, #r \"path/to/Library.dll\".";
        }

        FileLinePositionSpan place = diagnostic.Location.GetLineSpan();
        if (diagnostic.Id == "CS1002" && diagnostic.Location.SourceTree is { } tree
            && tree.GetText().Lines[place.StartLinePosition.Line].ToString().TrimStart().StartsWith("using var ", StringComparison.Ordinal))
        {
            message += ". Scripts have no top-level 'using var': write 'var', or a 'using (...) { }' block.";
        }

        return place.IsValid
            ? new ScriptDiagnostic(place.Path, place.StartLinePosition.Line + 1, place.StartLinePosition.Character + 1, diagnostic.Id, message)
            : new ScriptDiagnostic("", 0, 0, diagnostic.Id, message);
    }
}
