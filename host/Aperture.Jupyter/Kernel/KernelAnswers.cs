using System.Text.Json.Nodes;
using Aperture.Requests;

namespace Aperture.Jupyter;

/// <summary>Answers the requests that run no cell.</summary>
/// <param name="history">The cells that ran.</param>
/// <param name="code">Answers about code that is being written.</param>
internal sealed class KernelAnswers(KernelHistory history, CodeAnswers code)
{
    private static readonly string _version = typeof(KernelAnswers).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";

    /// <summary>Answers a request; null for one of another kind.</summary>
    public async Task<JsonObject?> AnswerAsync(JupyterMessage request) => request.Type switch
    {
        "complete_request" => await code.CompleteAsync(request).ConfigureAwait(false),
        "inspect_request" => await code.InspectAsync(request).ConfigureAwait(false),
        "is_complete_request" => CodeAnswers.IsComplete(request),
        "history_request" => Ok("history", history.Answer(request)),
        "comm_info_request" => Ok("comms", new JsonObject()),
        _ => null,
    };

    /// <summary>The content of <c>kernel_info_reply</c>.</summary>
    public static JsonObject Information() => new()
    {
        ["status"] = "ok",
        ["protocol_version"] = MessageWriter.ProtocolVersion,
        ["implementation"] = "aperture",
        ["implementation_version"] = _version,
        ["banner"] = "Aperture: efficient vision-language models in C#. Models, Images, Compare and Show are there without a prefix.",
        ["language_info"] = Language(),
        ["debugger"] = false,
        ["help_links"] = new JsonArray(),
    };

    /// <summary>What clients and notebook files say about the language.</summary>
    public static JsonObject Language() => new()
    {
        ["file_extension"] = ".csx",
        ["mimetype"] = "text/x-csharp",
        ["name"] = "C#",
        ["pygments_lexer"] = "csharp",
        ["version"] = "14.0",
    };

    private static JsonObject Ok(string name, JsonNode value) => new() { ["status"] = "ok", [name] = value };
}
