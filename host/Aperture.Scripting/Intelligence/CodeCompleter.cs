using Aperture.Tasks;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Completion;
using Microsoft.CodeAnalysis.Tags;
using Microsoft.CodeAnalysis.Text;

namespace Aperture.Scripting;

/// <summary>Roslyn's completion, narrowed to what fits the characters already written and put in order.</summary>
internal static class CodeCompleter
{
    public static async Task<CodeCompletions> CompleteAsync(Document document, int position, CancellationToken cancellationToken)
    {
        CompletionService service = CompletionService.GetService(document)!;
        CompletionList found = await service.GetCompletionsAsync(document, position, cancellationToken: cancellationToken).ConfigureAwait(false);
        SourceText text = await document.GetTextAsync(cancellationToken).ConfigureAwait(false);
        TextSpan span = found.ItemsList.Count == 0 ? new TextSpan(position, 0) : found.Span;
        string written = text.ToString(TextSpan.FromBounds(span.Start, position));
        CodeCompletion[] items = [.. found.ItemsList
            .Select(item => (Item: item, Rank: CodeMatch.Rank(item.FilterText, written)))
            .Where(ranked => ranked.Rank >= 0)
            .OrderBy(ranked => ranked.Rank)
            .ThenBy(ranked => ranked.Item.SortText, StringComparer.OrdinalIgnoreCase)
            .Select(ranked => new CodeCompletion(TextOf(ranked.Item), ranked.Item.DisplayText + ranked.Item.DisplayTextSuffix, KindOf(ranked.Item)))
            .DistinctBy(item => (item.Text, item.Kind))];
        return new CodeCompletions(span.Start, span.Length, items);
    }

    private static string TextOf(CompletionItem item) => item.Properties.TryGetValue("InsertionText", out string? text) ? text : item.DisplayText;

    private static string KindOf(CompletionItem item) =>
        item.Tags.IsEmpty ? "" : item.Tags[0] == WellKnownTags.ExtensionMethod ? "extension" : item.Tags[0].ToLowerInvariant();
}
