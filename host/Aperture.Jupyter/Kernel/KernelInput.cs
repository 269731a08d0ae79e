using System.Text.Json;
using System.Text.Json.Nodes;

namespace Aperture.Jupyter;

/// <summary>Asks the user of the client that runs a cell for a line of text, over the stdin channel.</summary>
/// <param name="sockets">Where to ask.</param>
internal sealed class KernelInput(KernelSockets sockets)
{
    private volatile TaskCompletionSource<string>? _pending;

    /// <summary>Asks and waits for the answer.</summary>
    /// <param name="request">The request that runs the cell.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <exception cref="ApertureException">The client has said that it cannot be asked.</exception>
    public string Ask(JupyterMessage request, CancellationToken cancellationToken)
    {
        if (!request.Flag("allow_stdin", false))
        {
            throw new ApertureException("This client cannot be asked for input; give the value in the cell.");
        }

        TaskCompletionSource<string> answer = new();
        _pending = answer;
        sockets.AskOnStdin(request, new JsonObject { ["prompt"] = "", ["password"] = false });
        return answer.Task.WaitAsync(cancellationToken).GetAwaiter().GetResult();
    }

    /// <summary>Takes what the user has written; what nobody waits for is dropped.</summary>
    public void Receive(JupyterMessage message)
    {
        if (message.Type == "input_reply" && message.Content.TryGetProperty("value", out JsonElement value) && value.ValueKind == JsonValueKind.String)
        {
            Interlocked.Exchange(ref _pending, null)?.TrySetResult(message.Text("value"));
        }
    }
}
