using System.Text;
using Aperture.Tasks;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace Aperture.Scripting;

/// <summary>
/// What later submissions need to know of one that has run: its usings, methods and types as they are written, its variables with their types spelled out and
/// without
/// their values. Bound in place of the submission it gives the same symbols, depends on no variable before it and is small.
/// </summary>
internal static class SubmissionSkeleton
{
    private static readonly SymbolDisplayFormat _typeFormat = SymbolDisplayFormat.FullyQualifiedFormat
        .AddMiscellaneousOptions(SymbolDisplayMiscellaneousOptions.IncludeNullableReferenceTypeModifier);

    /// <summary>The variables that a submission declares.</summary>
    public static IEnumerable<IFieldSymbol> Variables(CSharpCompilation compilation) => compilation.ScriptClass is not { } submission
        ? []
        : submission.GetMembers().OfType<IFieldSymbol>().Where(f => f is { IsImplicitlyDeclared: false, AssociatedSymbol: null, CanBeReferencedByName: true });

    /// <summary>Whether a submission declares anything that outlives it: a using, a directive, a variable, a method, a type.</summary>
    public static bool Declares(CSharpCompilation compilation) =>
        compilation.SyntaxTrees.Length > 1
        || Root(compilation) is { Usings.Count: > 0 } or { Externs.Count: > 0 } or { ContainsDirectives: true }
        || Root(compilation).Members.Any(m => m is not GlobalStatementSyntax)
        || Variables(compilation).Any();

    /// <summary>Whether all that a submission declares are variables, so that it can be forgotten when later ones hide them.</summary>
    public static bool DeclaresVariablesOnly(CSharpCompilation compilation) =>
        compilation.SyntaxTrees.Length == 1
        && Root(compilation) is { Usings.Count: 0, Externs.Count: 0, ContainsDirectives: false } root
        && root.Members.All(m => m is GlobalStatementSyntax or FieldDeclarationSyntax);

    /// <summary>The skeleton; null if something in the submission cannot be written so (an anonymous type, a constant, a directive).</summary>
    public static SyntaxTree? Create(CSharpCompilation compilation)
    {
        CompilationUnitSyntax root = Root(compilation);
        IFieldSymbol[] variables = [.. Variables(compilation)];
        if (compilation.SyntaxTrees.Length > 1 || root.ContainsDirectives
            || variables.Any(v => v.IsConst || v.IsVolatile || v.RefKind != RefKind.None || !CanBeNamed(v.Type)))
        {
            return null;
        }

        StringBuilder text = new();
        text.AppendJoin("", root.Externs.Select(e => e.ToFullString())).AppendJoin("", root.Usings.Select(u => u.ToFullString()));
        foreach (IFieldSymbol variable in variables)
        {
            text.Append(variable.IsStatic ? "static " : "").Append(variable.IsReadOnly ? "readonly " : "")
                .Append(variable.Type.ToDisplayString(_typeFormat)).Append(" @").Append(variable.Name).Append(";\n");
        }

        text.AppendJoin("", root.Members.Where(m => m is not (GlobalStatementSyntax or FieldDeclarationSyntax)).Select(m => m.ToFullString()));
        return SyntaxFactory.ParseSyntaxTree(SourceText.From(text.ToString(), Encoding.UTF8), SubmissionCompiler.Parsing, compilation.SyntaxTrees[0].FilePath);
    }

    /// <summary>Whether the variables of a skeleton have the types of those of the submission.</summary>
    public static bool Agree(CSharpCompilation submission, CSharpCompilation skeleton)
    {
        IFieldSymbol[] theirs = [.. Variables(submission)], ours = [.. Variables(skeleton)];
        return theirs.Length == ours.Length
            && theirs.Zip(ours).All(pair => pair.First.Name == pair.Second.Name && Identity(pair.First.Type) == Identity(pair.Second.Type));
    }

    private static CompilationUnitSyntax Root(CSharpCompilation compilation) => (CompilationUnitSyntax)compilation.SyntaxTrees[^1].GetRoot();

    private static bool CanBeNamed(ITypeSymbol type) => type switch
    {
        IArrayTypeSymbol array => CanBeNamed(array.ElementType),
        INamedTypeSymbol named => !named.IsAnonymousType && !named.IsFileLocal && named.TypeKind != TypeKind.Error && named.TypeArguments.All(CanBeNamed),
        _ => type.TypeKind == TypeKind.Dynamic,
    };

    // Display names alone could hide that a name means the type of another submission.
    private static string Identity(ITypeSymbol type) => type switch
    {
        IArrayTypeSymbol array => $"{Identity(array.ElementType)}[{array.Rank}]",
        INamedTypeSymbol named =>
            $"{named.ToDisplayString(_typeFormat)} of {named.ContainingAssembly?.Name}({string.Join(", ", named.TypeArguments.Select(Identity))})",
        _ => type.ToDisplayString(_typeFormat),
    };
}
