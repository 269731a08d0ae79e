using Aperture.Plugins;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace Aperture.Scripting;

/// <summary>
/// What the compiler cannot know of a pipeline's <c>With</c>: the names of methods in its first argument, and the options of that method in the object behind.
/// </summary>
internal static class MethodCompleter
{
    private const string Call = "With";

    /// <summary>The completions at a place of a <c>With</c>; null at every other place.</summary>
    /// <param name="root">The code.</param>
    /// <param name="position">The cursor.</param>
    /// <param name="methods">Lists the methods; asked at such a place only.</param>
    public static CodeCompletions? Complete(SyntaxNode root, int position, Func<IReadOnlyList<PluginMethod>> methods)
    {
        SyntaxToken token = root.FindToken(Math.Max(0, position - 1));
        if (token.IsKind(SyntaxKind.StringLiteralToken) && position > token.SpanStart && IsFirstArgument(token))
        {
            bool closed = token.Text.Length > 1 && token.Text[^1] == '"';
            if (closed && position == token.Span.End)
            {
                return null; // behind the closing quote
            }

            TextSpan span = TextSpan.FromBounds(token.SpanStart + 1, closed ? token.Span.End - 1 : position);
            return Fit(root, span, position, methods().Select(known => new CodeCompletion(known.Name, known.Name, "method")));
        }

        return MethodAround(token, position) is not var (method, given, typed) ? null : Fit(
            root,
            typed,
            position,
            (methods().FirstOrDefault(known => string.Equals(known.Name, method, StringComparison.OrdinalIgnoreCase))?.Options ?? [])
                .Where(option => !given.Contains(option.Name))
                .Select(option => new CodeCompletion(option.Name, $"{option.Name} = {option.Default}", "property")));
    }

    private static bool IsFirstArgument(SyntaxToken literal)
        => literal.Parent is LiteralExpressionSyntax { Parent: ArgumentSyntax argument }
            && argument.Parent is ArgumentListSyntax { Parent: InvocationExpressionSyntax call } list
            && IsWith(call)
            && list.Arguments.IndexOf(argument) == 0;

    private static bool IsWith(InvocationExpressionSyntax call) => call.Expression is MemberAccessExpressionSyntax { Name.Identifier.ValueText: Call };

    // The cursor is where a member's name begins, or in it: behind the brace or a comma, and before an equals sign.
    private static (string Method, HashSet<string> Given, TextSpan Typed)? MethodAround(SyntaxToken token, int position)
    {
        if (token.Parent?.FirstAncestorOrSelf<AnonymousObjectCreationExpressionSyntax>() is not
            { Parent: ArgumentSyntax { Parent: ArgumentListSyntax { Parent: InvocationExpressionSyntax call } list } } options
            || !IsWith(call)
            || list.Arguments is not [{ Expression: LiteralExpressionSyntax { Token.Value: string method } }, ..])
        {
            return null;
        }

        bool begins = token.Parent == options && token.Kind() is SyntaxKind.OpenBraceToken or SyntaxKind.CommaToken && position >= token.Span.End;
        bool inName = token.IsKind(SyntaxKind.IdentifierToken) && position <= token.Span.End && token.Parent switch
        {
            IdentifierNameSyntax { Parent: NameEqualsSyntax } => true,
            IdentifierNameSyntax { Parent: AnonymousObjectMemberDeclaratorSyntax { NameEquals: null } } => true,
            _ => false,
        };
        if (!begins && !inName)
        {
            return null;
        }

        SyntaxNode? own = inName ? token.Parent!.FirstAncestorOrSelf<AnonymousObjectMemberDeclaratorSyntax>() : null;
        IEnumerable<string> given = options.Initializers.Where(member => member != own).Select(member => member.NameEquals?.Name.Identifier.ValueText ?? "");
        return (method, new HashSet<string>(given, StringComparer.OrdinalIgnoreCase), inName ? token.Span : new TextSpan(position, 0));
    }

    private static CodeCompletions Fit(SyntaxNode root, TextSpan span, int position, IEnumerable<CodeCompletion> candidates)
    {
        string written = root.GetText().ToString(TextSpan.FromBounds(span.Start, position));
        return new CodeCompletions(span.Start, span.Length, [.. candidates
            .Select(item => (Item: item, Rank: CodeMatch.Rank(item.Text, written)))
            .Where(ranked => ranked.Rank >= 0)
            .OrderBy(ranked => ranked.Rank)
            .ThenBy(ranked => ranked.Item.Kind == "method" ? ranked.Item.Text : "", StringComparer.OrdinalIgnoreCase)
            .Select(ranked => ranked.Item)]);
    }
}
