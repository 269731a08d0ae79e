using System.Text;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace Aperture.Scripting;

/// <summary>
/// What sessions understand and the compiler's dialect for scripts does not: <c>using var x = …;</c> between other entries, <c>await (…)</c>, and the line
/// <c>#!time</c>. Every character stays in its place, so that errors and cursors need no translation.
/// </summary>
internal static partial class ScriptDialect
{
    private static readonly CSharpParseOptions _program = SubmissionCompiler.Parsing.WithKind(SourceCodeKind.Regular);

    /// <summary>Whether a text asks to be timed.</summary>
    public static bool IsTimed(string text) => text.Contains("#!time", StringComparison.Ordinal) && Time().IsMatch(text);

    /// <summary>The text as the compiler's dialect has it, of the same length, and the variables that are to be disposed.</summary>
    public static (string Text, IReadOnlyList<string> Usings) Understand(string text)
    {
        string plain = IsTimed(text) ? Time().Replace(text, match => new string(' ', match.Length)) : text;
        if (!plain.Contains("using", StringComparison.Ordinal))
        {
            return (plain, []);
        }

        // As the text of a program, where such declarations are allowed.
        LocalDeclarationStatementSyntax[] declarations =
        [
            .. ((CompilationUnitSyntax)CSharpSyntaxTree.ParseText(plain, _program).GetRoot()).Members.OfType<GlobalStatementSyntax>()
                .Select(member => member.Statement).OfType<LocalDeclarationStatementSyntax>()
                .Where(statement => !statement.UsingKeyword.IsKind(SyntaxKind.None)),
        ];
        if (declarations.Length == 0)
        {
            return (plain, []);
        }

        StringBuilder blanked = new(plain);
        foreach (TextSpan word in declarations.SelectMany(d => new[] { d.AwaitKeyword.Span, d.UsingKeyword.Span }))
        {
            blanked.Remove(word.Start, word.Length).Insert(word.Start, " ", word.Length);
        }

        return (blanked.ToString(), [.. declarations.SelectMany(d => d.Declaration.Variables).Select(v => v.Identifier.ValueText)]);
    }

    /// <summary>Reads <c>await (…)</c> as what it looks like: the compiler takes it for a call of a method of that name.</summary>
    public static SyntaxTree WithAwaits(SyntaxTree tree)
    {
        SyntaxNode root = tree.GetRoot();
        InvocationExpressionSyntax[] calls =
            [.. root.DescendantNodes(node => !IsFunction(node)).OfType<InvocationExpressionSyntax>().Where(call => IsAwait(call) && !IsFunction(call))];
        return calls.Length == 0 ? tree : CSharpSyntaxTree.Create(
            (CompilationUnitSyntax)new AwaitReader().Visit(root)!, (CSharpParseOptions)tree.Options, tree.FilePath, tree.Encoding);
    }

    private static bool IsAwait(InvocationExpressionSyntax call) =>
        call is { Expression: IdentifierNameSyntax { Identifier.Text: "await" }, ArgumentList.Arguments: [{ NameColon: null, RefKindKeyword.RawKind: 0 }] };

    // Code in it is not the submission's own: where it is asynchronous the compiler knows what await means.
    private static bool IsFunction(SyntaxNode node) =>
        node is AnonymousFunctionExpressionSyntax or LocalFunctionStatementSyntax or BaseMethodDeclarationSyntax or BasePropertyDeclarationSyntax
            or BaseTypeDeclarationSyntax;

    [GeneratedRegex(@"^[ \t]*#!time\b", RegexOptions.Multiline)]
    private static partial Regex Time();

    private sealed class AwaitReader : CSharpSyntaxRewriter
    {
        public override SyntaxNode? Visit(SyntaxNode? node)
        {
            if (node is null || IsFunction(node))
            {
                return node;
            }

            // What follows the parentheses belongs to what is awaited, as in 'await (x).Y()'.
            SyntaxNode? visited = base.Visit(node);
            return visited is ExpressionSyntax whole && !IsInnerLink(node) && First(whole) is { } call ? Await(whole, call) : visited;
        }

        private static AwaitExpressionSyntax Await(ExpressionSyntax whole, InvocationExpressionSyntax call)
        {
            SyntaxToken word = ((IdentifierNameSyntax)call.Expression).Identifier;
            ParenthesizedExpressionSyntax awaited = SyntaxFactory.ParenthesizedExpression(
                call.ArgumentList.OpenParenToken, call.ArgumentList.Arguments[0].Expression, call.ArgumentList.CloseParenToken);
            return SyntaxFactory.AwaitExpression(
                SyntaxFactory.Token(word.LeadingTrivia, SyntaxKind.AwaitKeyword, word.TrailingTrivia),
                whole == call ? awaited : whole.ReplaceNode(call, awaited));
        }

        private static InvocationExpressionSyntax? First(ExpressionSyntax expression) => expression switch
        {
            InvocationExpressionSyntax call when IsAwait(call) => call,
            InvocationExpressionSyntax call => First(call.Expression),
            MemberAccessExpressionSyntax access => First(access.Expression),
            ElementAccessExpressionSyntax access => First(access.Expression),
            ConditionalAccessExpressionSyntax access => First(access.Expression),
            PostfixUnaryExpressionSyntax postfix => First(postfix.Operand),
            _ => null,
        };

        private static bool IsInnerLink(SyntaxNode node) => node.Parent switch
        {
            InvocationExpressionSyntax call => call.Expression == node,
            MemberAccessExpressionSyntax access => access.Expression == node,
            ElementAccessExpressionSyntax access => access.Expression == node,
            ConditionalAccessExpressionSyntax access => access.Expression == node,
            PostfixUnaryExpressionSyntax => true,
            _ => false,
        };
    }
}
