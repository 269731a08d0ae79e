using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Classification;
using Microsoft.CodeAnalysis.Text;

namespace Aperture.Scripting;

/// <summary>Roslyn's classification, reduced to the kinds that colours tell apart.</summary>
internal static class CodeClassifier
{
    public static async Task<IReadOnlyList<CodeSpan>> ClassifyAsync(Document document, CancellationToken cancellationToken)
    {
        SourceText text = await document.GetTextAsync(cancellationToken).ConfigureAwait(false);
        IEnumerable<ClassifiedSpan> found = await Classifier
            .GetClassifiedSpansAsync(document, new TextSpan(0, text.Length), cancellationToken).ConfigureAwait(false);
        List<CodeSpan> spans = [];
        int end = 0;
        foreach (ClassifiedSpan span in found.OrderBy(s => s.TextSpan.Start))
        {
            CodeKind kind = KindOf(span.ClassificationType);
            if (kind != CodeKind.Plain && span.TextSpan.Start >= end)
            {
                spans.Add(new CodeSpan(span.TextSpan.Start, span.TextSpan.Length, kind));
                end = span.TextSpan.End;
            }
        }

        return spans;
    }

    private static CodeKind KindOf(string type) => type switch
    {
        ClassificationTypeNames.Keyword or ClassificationTypeNames.PreprocessorText => CodeKind.Keyword,
        ClassificationTypeNames.ControlKeyword => CodeKind.Control,
        ClassificationTypeNames.ClassName or ClassificationTypeNames.RecordClassName or ClassificationTypeNames.StructName
            or ClassificationTypeNames.RecordStructName
            or ClassificationTypeNames.InterfaceName or ClassificationTypeNames.EnumName or ClassificationTypeNames.DelegateName
            or ClassificationTypeNames.TypeParameterName => CodeKind.Type,
        ClassificationTypeNames.MethodName or ClassificationTypeNames.ExtensionMethodName => CodeKind.Method,
        ClassificationTypeNames.FieldName or ClassificationTypeNames.PropertyName or ClassificationTypeNames.EventName or ClassificationTypeNames.ConstantName
            or ClassificationTypeNames.EnumMemberName => CodeKind.Member,
        ClassificationTypeNames.LocalName or ClassificationTypeNames.ParameterName => CodeKind.Variable,
        ClassificationTypeNames.StringLiteral or ClassificationTypeNames.VerbatimStringLiteral
            or ClassificationTypeNames.StringEscapeCharacter => CodeKind.Text,
        ClassificationTypeNames.NumericLiteral => CodeKind.Number,
        ClassificationTypeNames.Comment => CodeKind.Comment,
        ClassificationTypeNames.PreprocessorKeyword => CodeKind.Directive,
        _ => type.StartsWith("xml doc comment", StringComparison.Ordinal) ? CodeKind.Comment : CodeKind.Plain,
    };
}
