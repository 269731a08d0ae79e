using System.Text;
using System.Text.Json.Nodes;

namespace Aperture.Jupyter;

/// <summary>
/// Publishes the outputs of one cell to the kernel's clients. Stream text is gathered for a moment, so that a loop that prints characters does not send a
/// message for each; everything else sends what was gathered first, so that outputs keep their order.
/// </summary>
/// <param name="sockets">Where to publish.</param>
/// <param name="parent">Header of the request that runs the cell.</param>
internal sealed class PublishedOutput(KernelSockets sockets, byte[] parent) : ICellOutput, IDisposable
{
    private const int MaxGathered = 16 * 1024;
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(40);
    private readonly Lock _lock = new();
    private readonly StringBuilder _text = new();
    private string _stream = "stdout";
    private Timer? _timer;

    public void Stream(string name, string text)
    {
        lock (_lock)
        {
            if (name != _stream)
            {
                FlushLocked();
                _stream = name;
            }

            _text.Append(text);
            if (_text.Length >= MaxGathered)
            {
                FlushLocked();
            }
            else
            {
                _timer ??= new Timer(_ => Flush(), null, _pause, Timeout.InfiniteTimeSpan);
            }
        }
    }

    public void Display(MimeBundle bundle, string? id) => Publish("display_data", Shown(bundle, id));

    public void Update(MimeBundle bundle, string id) => Publish("update_display_data", Shown(bundle, id));

    public void Result(MimeBundle bundle, int count)
        => Publish("execute_result", new JsonObject { ["execution_count"] = count, ["data"] = bundle.ToJson(), ["metadata"] = new JsonObject() });

    public void Error(CellError error) => Publish("error", ToJson(error));

    public void Clear(bool wait) => Publish("clear_output", new JsonObject { ["wait"] = wait });

    /// <summary>Sends the text that is gathered.</summary>
    public void Flush()
    {
        lock (_lock)
        {
            FlushLocked();
        }
    }

    /// <summary>Sends the text that is gathered. What is printed later still goes out.</summary>
    public void Dispose() => Flush();

    /// <summary>An error as <c>error</c> messages and failed replies carry it.</summary>
    public static JsonObject ToJson(CellError error) => new()
    {
        ["ename"] = error.Name,
        ["evalue"] = error.Value,
        ["traceback"] = new JsonArray([.. error.Traceback.Select(line => JsonValue.Create(line))]),
    };

    private static JsonObject Shown(MimeBundle bundle, string? id) => new()
    {
        ["data"] = bundle.ToJson(),
        ["metadata"] = new JsonObject(),
        ["transient"] = id is null ? new JsonObject() : new JsonObject { ["display_id"] = id },
    };

    private void Publish(string type, JsonObject content)
    {
        lock (_lock)
        {
            FlushLocked();
            sockets.Publish(type, content, parent);
        }
    }

    private void FlushLocked()
    {
        _timer?.Dispose();
        _timer = null;
        if (_text.Length > 0)
        {
            sockets.Publish("stream", new JsonObject { ["name"] = _stream, ["text"] = _text.ToString() }, parent);
            _text.Clear();
        }
    }
}
