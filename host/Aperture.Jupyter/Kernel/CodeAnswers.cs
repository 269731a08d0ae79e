using System.Text.Json.Nodes;
using Aperture.Scripting;

namespace Aperture.Jupyter;

/// <summary>Answers questions about code that is being written. The protocol counts places in Unicode code points, the compiler in UTF-16 units.</summary>
/// <param name="intelligence">Knows the session.</param>
internal sealed class CodeAnswers(SessionIntelligence intelligence)
{
    private const int MaxMatches = 500;

    /// <summary>Answers <c>complete_request</c>.</summary>
    public async Task<JsonObject> CompleteAsync(JupyterMessage request)
    {
        (string code, int position) = Place(request);
        CodeCompletions found = await intelligence.CompleteAsync(code, position).ConfigureAwait(false);
        CodeCompletion[] items = [.. found.Items.DistinctBy(item => item.Text).Take(MaxMatches)];
        int start = CodePoints(code, found.Start), end = CodePoints(code, found.Start + found.Length);
        return new JsonObject
        {
            ["status"] = "ok",
            ["matches"] = new JsonArray([.. items.Select(item => JsonValue.Create(item.Text))]),
            ["cursor_start"] = start,
            ["cursor_end"] = end,
            ["metadata"] = new JsonObject
            {
                // What JupyterLab shows beside each match.
                ["_jupyter_types_experimental"] = new JsonArray(
                    [.. items.Select(item => new JsonObject { ["text"] = item.Text, ["type"] = item.Kind, ["start"] = start, ["end"] = end })]),
            },
        };
    }

    /// <summary>Answers <c>inspect_request</c>: the name at the cursor, else the call around it.</summary>
    public async Task<JsonObject> InspectAsync(JupyterMessage request)
    {
        (string code, int position) = Place(request);
        string? text = (await intelligence.DescribeAsync(code, position).ConfigureAwait(false))?.ToString()
            ?? Text(await intelligence.SignaturesAsync(code, position).ConfigureAwait(false));
        return new JsonObject
        {
            ["status"] = "ok",
            ["found"] = text is not null,
            ["data"] = text is null ? new JsonObject() : new MimeBundle(text).ToJson(),
            ["metadata"] = new JsonObject(),
        };
    }

    /// <summary>Answers <c>is_complete_request</c>.</summary>
    public static JsonObject IsComplete(JupyterMessage request)
    {
        string code = request.Text("code");
        return SessionIntelligence.Examine(code) switch
        {
            CodeState.Complete => new JsonObject { ["status"] = "complete" },
            CodeState.Invalid => new JsonObject { ["status"] = "invalid" },
            _ => new JsonObject { ["status"] = "incomplete", ["indent"] = IndentAfter(code) },
        };
    }

    private static string? Text(CodeSignatures? signatures)
        => signatures is null ? null : string.Join("\n\n", signatures.Items.Select(s => s.Summary.Length == 0 ? $"{s}" : $"{s}\n{s.Summary}"));

    // The last line's own indent, one step deeper behind an opening brace.
    private static string IndentAfter(string code)
    {
        string line = code[(code.LastIndexOf('\n') + 1)..];
        string indent = line[..^line.TrimStart().Length];
        return line.TrimEnd().EndsWith('{') ? indent + "    " : indent;
    }

    private static (string Code, int Position) Place(JupyterMessage request)
    {
        string code = request.Text("code");
        int points = request.Number("cursor_pos", int.MaxValue), position = 0;
        for (; points > 0 && position < code.Length; points--)
        {
            position += char.IsSurrogatePair(code, position) ? 2 : 1;
        }

        return (code, position);
    }

    private static int CodePoints(string code, int position) => code[..position].EnumerateRunes().Count();
}
