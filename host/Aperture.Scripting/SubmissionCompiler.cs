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

    private readonly ScriptMetadataReferences _references = new(libraries, options.BaseFolder);
    private CSharpCompilation? _base;

    public static CSharpParseOptions Parsing { get; } = new(Language, DocumentationMode.None, SourceCodeKind.Script);

    /// <summary>What <see cref="AddReference"/> has added: what a submission refers to, beside what those before it do.</summary>
    public ImmutableArray<MetadataReference> Added { get; private set; } = [];

    /// <summary>Makes an assembly visible to the submissions that follow.</summary>
    public void AddReference(Assembly assembly)
    {
        PortableExecutableReference reference = _references.For(assembly);
        Added = Added.Contains(reference) ? Added : Added.Add(reference);
    }

    /// <summary>Whether the text is a whole submission, the start of one, or neither.</summary>
    public static CodeState Examine(string text)
    {
        SyntaxTree tree = SyntaxFactory.ParseSyntaxTree(SourceText.From(text), Parsing);
        return !SyntaxFactory.IsCompleteSubmission(tree) ? CodeState.Incomplete
            : tree.GetDiagnostics().Any(d => d.Severity == DiagnosticSeverity.Error) ? CodeState.Invalid
            : CodeState.Complete;
    }

    /// <summary>
    /// What every submission follows: no code, but the imports and the references to the framework, the globals and the given assemblies, which the compiler
    /// hands on
    /// from one to the next.
    /// </summary>
    public CSharpCompilation Base => LazyInitializer.EnsureInitialized(ref _base, () => CSharpCompilation.CreateScriptCompilation(
        "aperture-base",
        SyntaxFactory.ParseSyntaxTree(SourceText.From("", Encoding.UTF8), Parsing, "base"),
        [.. _references.FrameworkReferences(), .. GivenAssemblies().Select(_references.For)],
        Options(options.Imports),
        returnType: typeof(object),
        globalsType: globalsType));

    /// <summary>What a submission is compiled with.</summary>
    public CSharpCompilationOptions Options(IReadOnlyList<string>? usings = null) => new(
        OutputKind.DynamicallyLinkedLibrary,
        scriptClassName: "Submission",
        usings: usings ?? [],
        optimizationLevel: options.Optimize ? OptimizationLevel.Release : OptimizationLevel.Debug,
        allowUnsafe: true,
        concurrentBuild: false,
        nullableContextOptions: NullableContextOptions.Annotations,
        sourceReferenceResolver: new SourceFileResolver([], options.BaseFolder),
        metadataReferenceResolver: _references,
        assemblyIdentityComparer: DesktopAssemblyIdentityComparer.Default);

    /// <summary>Binds a submission after <paramref name="previous"/>; nothing is emitted yet.</summary>
    public CSharpCompilation Bind(ScriptSource source, string assemblyName, CSharpCompilation? previous, CancellationToken cancellationToken) =>
        Link(SyntaxFactory.ParseSyntaxTree(SourceText.From(source.Text, Encoding.UTF8), Parsing, source.Path, cancellationToken), assemblyName, previous);

    /// <summary>Binds a parsed submission after <paramref name="previous"/>.</summary>
    public CSharpCompilation Link(SyntaxTree tree, string assemblyName, CSharpCompilation? previous) =>
        CSharpCompilation.CreateScriptCompilation(assemblyName, tree, Added, Options(), previous ?? Base, typeof(object), globalsType);

    /// <summary>Emits a bound submission, or returns its errors.</summary>
    public (Submission? Submission, IReadOnlyList<ScriptDiagnostic> Errors) Emit(CSharpCompilation compilation, CancellationToken cancellationToken)
    {
        using MemoryStream image = new();
        using MemoryStream symbols = new();
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

    private IEnumerable<Assembly> GivenAssemblies()
    {
        List<Assembly> assemblies = new();
        for (Type? type = globalsType; type is not null && type != typeof(object); type = type.BaseType)
        {
            assemblies.Add(type.Assembly);
        }

        assemblies.AddRange(options.References);
        return assemblies.Distinct();
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
