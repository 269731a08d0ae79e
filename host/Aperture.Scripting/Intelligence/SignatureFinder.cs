using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Aperture.Scripting;

/// <summary>
/// Finds the overloads of the call that the cursor is in. Roslyn's own signature help is internal to editors, so this reads the semantic model.
/// </summary>
internal static class SignatureFinder
{
    private static readonly SymbolDisplayFormat _head = SymbolDisplayFormat.MinimallyQualifiedFormat
        .WithMemberOptions(SymbolDisplayMemberOptions.IncludeType | SymbolDisplayMemberOptions.IncludeContainingType);

    public static CodeSignatures? Find(SyntaxNode root, SemanticModel model, int position, CancellationToken cancellationToken)
    {
        if (FindList(root, position) is not { Parent: { } call } list)
        {
            return null;
        }

        ISymbol[] candidates = [.. Candidates(call, model, cancellationToken).Where(s => model.IsAccessible(position, s)).OrderBy(s => Parameters(s).Length)];
        if (candidates.Length == 0)
        {
            return null;
        }

        int argument = list.ChildTokens().Count(t => t.IsKind(SyntaxKind.CommaToken) && t.SpanStart < position);
        ISymbol? bound = model.GetSymbolInfo(call, cancellationToken).Symbol;
        int active = Array.FindIndex(candidates, s => SymbolEqualityComparer.Default.Equals(s, bound));
        if (active < 0 || !Takes(candidates[active], argument))
        {
            active = Math.Max(0, Array.FindIndex(candidates, s => Takes(s, argument)));
        }

        return new CodeSignatures([.. candidates.Select(Describe)], active, ParameterOf(list, argument, candidates[active]));
    }

    private static SyntaxNode? FindList(SyntaxNode root, int position)
    {
        SyntaxToken token = root.FindToken(Math.Max(0, position - 1));
        for (SyntaxNode? node = token.Parent; node is not null; node = node.Parent)
        {
            if (node is BaseArgumentListSyntax or AttributeArgumentListSyntax && Encloses(node, position))
            {
                return node;
            }
        }

        return null;
    }

    private static bool Encloses(SyntaxNode list, int position)
    {
        SyntaxToken open = list.GetFirstToken(), close = list.GetLastToken(includeZeroWidth: true);
        return open.Span.End <= position && (close.IsMissing || position <= close.SpanStart);
    }

    private static IEnumerable<ISymbol> Candidates(SyntaxNode call, SemanticModel model, CancellationToken cancellationToken)
    {
        switch (call)
        {
            case InvocationExpressionSyntax invocation:
                IEnumerable<ISymbol> methods = model.GetMemberGroup(invocation.Expression, cancellationToken);
                return methods.Any()
                    || model.GetTypeInfo(invocation.Expression, cancellationToken).Type is not INamedTypeSymbol { DelegateInvokeMethod: { } invoke }
                    ? methods
                    : [invoke];
            case BaseObjectCreationExpressionSyntax creation:
                return Constructors(model.GetTypeInfo(creation, cancellationToken).Type);
            case AttributeSyntax attribute:
                return Constructors(model.GetTypeInfo(attribute, cancellationToken).Type);
            case ConstructorInitializerSyntax initializer:
                return model.GetMemberGroup(initializer, cancellationToken);
            case ElementAccessExpressionSyntax access:
                return Indexers(model.GetTypeInfo(access.Expression, cancellationToken).Type);
            default:
                return [];
        }
    }

    private static IEnumerable<ISymbol> Constructors(ITypeSymbol? type) => type is INamedTypeSymbol named ? named.InstanceConstructors : [];

    private static IEnumerable<ISymbol> Indexers(ITypeSymbol? type)
    {
        for (ITypeSymbol? declaring = type; declaring is not null; declaring = declaring.BaseType)
        {
            foreach (IPropertySymbol indexer in declaring.GetMembers().OfType<IPropertySymbol>().Where(p => p.IsIndexer))
            {
                yield return indexer;
            }
        }
    }

    private static IReadOnlyList<IParameterSymbol> ParameterList(ISymbol symbol) => Parameters(symbol);

    private static System.Collections.Immutable.ImmutableArray<IParameterSymbol> Parameters(ISymbol symbol) =>
        symbol is IPropertySymbol property ? property.Parameters : ((IMethodSymbol)symbol).Parameters;

    private static bool Takes(ISymbol symbol, int argument)
    {
        IReadOnlyList<IParameterSymbol> parameters = ParameterList(symbol);
        return argument < parameters.Count || (argument == 0 && parameters.Count == 0) || (parameters.Count > 0 && parameters[^1].IsParams);
    }

    private static int ParameterOf(SyntaxNode list, int argument, ISymbol symbol)
    {
        IReadOnlyList<IParameterSymbol> parameters = ParameterList(symbol);
        string? name = list is BaseArgumentListSyntax arguments && argument < arguments.Arguments.Count
            ? arguments.Arguments[argument].NameColon?.Name.Identifier.ValueText
            : null;
        int named = name is null ? -1 : parameters.ToList().FindIndex(p => p.Name == name);
        return named >= 0 ? named
            : parameters.Count > 0 && parameters[^1].IsParams ? Math.Min(argument, parameters.Count - 1)
            : argument;
    }

    private static CodeSignature Describe(ISymbol symbol)
    {
        string? documentation = symbol.GetDocumentationCommentXml();
        CodeParameter[] parameters =
        [
            .. ParameterList(symbol).Select(p => new CodeParameter(Short(p), DocumentationText.Parameter(documentation, p.Name))),
        ];
        (string head, string tail) = symbol switch
        {
            IPropertySymbol indexer => ($"{Short(indexer.Type)} {Short(indexer.ContainingType)}[", "]"),
            IMethodSymbol { MethodKind: MethodKind.Constructor } constructor => (Short(constructor.ContainingType) + "(", ")"),
            _ => (symbol.ToDisplayString(_head) + "(", ")"),
        };
        return new CodeSignature(head, parameters, tail, DocumentationText.Summary(documentation));
    }

    private static string Short(ISymbol symbol) => symbol.ToDisplayString(SymbolDisplayFormat.MinimallyQualifiedFormat);
}
