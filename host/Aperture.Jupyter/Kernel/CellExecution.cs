using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Scripting;

namespace Aperture.Jupyter;

/// <summary>Carries out <c>execute_request</c>.</summary>
/// <param name="sockets">Where outputs are published.</param>
/// <param name="runner">Runs the cells.</param>
/// <param name="history">Gets every cell that asks to be stored.</param>
/// <param name="interrupt">Stops the running cell.</param>
/// <param name="input">Asks the user.</param>
internal sealed class CellExecution(KernelSockets sockets, CellRunner runner, KernelHistory history, CellInterrupt interrupt, KernelInput input)
{
    /// <summary>The number of the last cell that was stored.</summary>
    public int Count { get; private set; }

    /// <summary>Runs the cell of a request.</summary>
    /// <returns>The content of the reply, and whether the cell failed.</returns>
    public async Task<(JsonObject Content, bool Failed)> RunAsync(JupyterMessage request)
    {
        string code = request.Text("code");
        bool silent = request.Flag("silent", false);
        bool stored = !silent && request.Flag("store_history", true);
        Count += stored ? 1 : 0;
        if (!silent)
        {
            sockets.Publish("execute_input", new JsonObject { ["code"] = code, ["execution_count"] = Count }, request.Header);
        }

        using ScriptInterrupt stop = new();
        interrupt.Begin(stop);
        try
        {
            (CellError? error, string? result) = await RunAsync(code, silent, request, stop).ConfigureAwait(false);
            if (stored)
            {
                history.Add(Count, code, result);
            }

            JsonObject content = error is null ? [] : PublishedOutput.ToJson(error);
            content["status"] = error is null ? "ok" : "error";
            content["execution_count"] = Count;
            if (error is null)
            {
                content["payload"] = new JsonArray();
                content["user_expressions"] = await EvaluateAsync(request, stop).ConfigureAwait(false);
            }

            return (content, error is not null);
        }
        finally
        {
            interrupt.End();
        }
    }

    private async Task<(CellError? Error, string? Result)> RunAsync(string code, bool silent, JupyterMessage request, ScriptInterrupt stop)
    {
        if (silent)
        {
            runner.Display.Ask = null;
            return await runner.RunAsync(code, Count, new SilentOutput(), stop).ConfigureAwait(false);
        }

        using PublishedOutput output = new(sockets, request.Header);
        runner.Display.Ask = () =>
        {
            output.Flush(); // What the cell has printed is the question.
            return input.Ask(request, stop.Requested);
        };
        return await runner.RunAsync(code, Count, output, stop).ConfigureAwait(false);
    }

    private async Task<JsonObject> EvaluateAsync(JupyterMessage request, ScriptInterrupt stop)
    {
        JsonObject values = [];
        if (request.Content.TryGetProperty("user_expressions", out JsonElement expressions) && expressions.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty expression in expressions.EnumerateObject())
            {
                (CellError? error, MimeBundle? value) = await runner.EvaluateAsync(expression.Value.GetString() ?? "", stop).ConfigureAwait(false);
                JsonObject content = error is null
                    ? new JsonObject { ["data"] = (value ?? new MimeBundle("null")).ToJson(), ["metadata"] = new JsonObject() }
                    : PublishedOutput.ToJson(error);
                content["status"] = error is null ? "ok" : "error";
                values[expression.Name] = content;
            }
        }

        return values;
    }
}
