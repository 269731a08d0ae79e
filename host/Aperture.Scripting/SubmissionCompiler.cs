using System.Collections.Immutable;
using System.Reflection;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Emit;
using Microsoft.CodeAnalysis.Scripting;
using Microsoft.CodeAnalysis.Text;

namespace Aperture.Scripting;

/// <summary>Roslyn's part of a session: the chain of script compilations, each seeing the ones before it.</summary>
internal sealed class SubmissionCompiler(Type globalsType, ScriptSessionOptions options, ScriptLibraries libraries, ScriptPackages packages)
{
    public const LanguageVersion Language = LanguageVersion.CSharp14;

    private readonly ScriptMetadataReferences _references = new(libraries, packages, options.BaseFolder);
    private readonly DialectSources _sources = new(options.BaseFolder);
    private AddedReferences _added = new([], [], []);
    private CSharpCompilationOptions? _options;
    private CSharpCompilation? _base;

    public static CSharpParseOptions Parsing { get; } = new(Language, DocumentationMode.None, SourceCodeKind.Script);

    /// <summary>Finds the files of <c>#load</c>.</summary>
    public SourceReferenceResolver Sources => _sources;

    /// <summary>
    /// What a submission refers to, beside what those before it do: what <see cref="AddReference"/> has added, and the session's packages.
    /// </summary>
    public ImmutableArray<MetadataReference> Added
    {
        get
        {
            // One object while nothing changes: editor services look whether it is the same.
            AddedReferences added = Volatile.Read(ref _added);
            IReadOnlyList<PackageLibrary> found = packages.Found;
            if (!ReferenceEquals(added.Packages, found))
            {
                added = added with { Packages = found, All = added.Own.AddRange(_references.OfPackages(found)) };
                Volatile.Write(ref _added, added);
            }

            return added.All;
        }
    }

    /// <summary>Makes an assembly visible to the submissions that follow.</summary>
    public void AddReference(Assembly assembly)
    {
        PortableExecutableReference reference = _references.For(assembly);
        _added = _added.Own.Contains(reference) ? _added : new AddedReferences(_added.Own.Add(reference), [], _added.Own.Add(reference));
    }

    /// <summary>Whether the text is a whole submission, the start of one, or neither.</summary>
    public static CodeState Examine(string text)
    {
        SyntaxTree tree = SyntaxFactory.ParseSyntaxTree(SourceText.From(ScriptDialect.Understand(text).Text), Parsing);
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

    /// <summary>What a submission is compiled with: as Roslyn's scripting compiles, which sets more than can be set from outside.</summary>
    public CSharpCompilationOptions Options(IReadOnlyList<string>? usings = null)
    {
        CSharpCompilationOptions common = LazyInitializer.EnsureInitialized(ref _options, () => (CSharpCompilationOptions)CSharpScript
            .Create("", ScriptOptions.Default
                .WithReferences(Array.Empty<MetadataReference>())
                .WithLanguageVersion(Language)
                .WithOptimizationLevel(options.Optimize ? OptimizationLevel.Release : OptimizationLevel.Debug)
                .WithAllowUnsafe(true)
                .WithSourceResolver(_sources)
                .WithMetadataResolver(_references))
            .GetCompilation().Options
            .WithConcurrentBuild(false));
        return common.WithScriptClassName("Submission").WithNullableContextOptions(NullableContextOptions.Annotations).WithUsings(usings ?? []);
    }

    /// <summary>Reads a submission in the dialect of sessions.</summary>
    /// <returns>The submission, and the variables that it wants disposed; those of files it loads are not among them.</returns>
    public static (SyntaxTree Tree, IReadOnlyList<string> Usings) Parse(ScriptSource source, CancellationToken cancellationToken)
    {
        (string text, IReadOnlyList<string> usings) = ScriptDialect.Understand(source.Text);
        SyntaxTree tree = SyntaxFactory.ParseSyntaxTree(SourceText.From(text, Encoding.UTF8), Parsing, source.Path, cancellationToken);
        return (ScriptDialect.WithAwaits(tree), usings);
    }

    /// <summary>Binds a parsed submission after <paramref name="previous"/>.</summary>
    public CSharpCompilation Link(SyntaxTree tree, string assemblyName, CSharpCompilation? previous) =>
        CSharpCompilation.CreateScriptCompilation(assemblyName, tree, Added, Options(), previous ?? Base, typeof(object), globalsType);

    /// <summary>Emits a bound submission, or returns its errors.</summary>
    /// <param name="compilation">The submission.</param>
    /// <param name="usings">The variables of its own text that it wants disposed.</param>
    /// <param name="cancellationToken">Stops compiling.</param>
    public (Submission? Submission, IReadOnlyList<ScriptDiagnostic> Errors) Emit(
        CSharpCompilation compilation, IReadOnlyList<string> usings, CancellationToken cancellationToken)
    {
        IReadOnlyList<string> disposed = [.. usings, .. compilation.SyntaxTrees.SelectMany(tree => _sources.UsingsOf(tree.FilePath))];
        if (FindUndisposable(compilation, disposed) is { } undisposable)
        {
            return (null, [undisposable]);
        }

        using MemoryStream image = new();
        using MemoryStream symbols = new();
        EmitResult result = compilation.Emit(
            image,
            symbols,
            options: new EmitOptions(debugInformationFormat: DebugInformationFormat.PortablePdb),
            cancellationToken: cancellationToken);
        IReadOnlyList<string> paths = _references.TakeResolvedPaths();
        if (paths.FirstOrDefault(libraries.HasChanged) is { } changed)
        {
            return (null, [new ScriptDiagnostic("", 0, 0, "LIBRARY", Changed(changed))]);
        }

        if (result.Diagnostics.Any(d => d.Severity == DiagnosticSeverity.Error))
        {
            return (null, [.. result.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).Select(ToDiagnostic)]);
        }

        if (!result.Success)
        {
            // Roslyn emits nothing for a submission of usings and directives alone; it still counts in the chain.
            return (new Submission(compilation.AssemblyName!, "", "", IsExpression: false, paths, packages.Requests, Versions(), [], [], []), []);
        }

        IMethodSymbol factory = compilation.GetEntryPoint(cancellationToken)!;
        return (new Submission(
            compilation.AssemblyName!,
            factory.ContainingType.MetadataName,
            factory.MetadataName,
            EndsInExpression(compilation, cancellationToken),
            paths,
            packages.Requests,
            Versions(),
            disposed,
            image.ToArray(),
            symbols.ToArray()), []);
    }

    private static string Changed(string path)
        => $"'{path}' differs from the {Path.GetFileNameWithoutExtension(path)} that this session has in use; a new session (#reset) takes it.";

    private IReadOnlyList<string> Versions() => [.. packages.Found.Select(library => library.ToString())];

    // As the compiler says it of using declarations elsewhere.
    private static ScriptDiagnostic? FindUndisposable(CSharpCompilation compilation, IReadOnlyList<string> names)
    {
        foreach (IFieldSymbol field in names.SelectMany(name => compilation.ScriptClass!.GetMembers(name)).OfType<IFieldSymbol>())
        {
            if (field.Type is { TypeKind: not (TypeKind.Error or TypeKind.Dynamic) } type
                && !type.AllInterfaces.Append(type).Any(face => face.ToDisplayString() is "System.IDisposable" or "System.IAsyncDisposable"))
            {
                FileLinePositionSpan place = field.Locations[0].GetLineSpan();
                return new ScriptDiagnostic(
                    place.Path, place.StartLinePosition.Line + 1, place.StartLinePosition.Character + 1, "CS1674",
                    $"'{type.ToDisplayString(SymbolDisplayFormat.MinimallyQualifiedFormat)}': what 'using' declares must be IDisposable or IAsyncDisposable");
            }
        }

        return null;
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
        FileLinePositionSpan place = diagnostic.Location.GetLineSpan();
        if (diagnostic.Id == "CS0103" && message.Contains("'await'", StringComparison.Ordinal))
        {
            message = "Here 'await (…)' is read as a call of a method named 'await'; write 'var task = …; await task'";
        }

        return place.IsValid
            ? new ScriptDiagnostic(place.Path, place.StartLinePosition.Line + 1, place.StartLinePosition.Character + 1, diagnostic.Id, message)
            : new ScriptDiagnostic("", 0, 0, diagnostic.Id, message);
    }

    private sealed record AddedReferences(
        ImmutableArray<MetadataReference> Own, IReadOnlyList<PackageLibrary> Packages, ImmutableArray<MetadataReference> All);
}
