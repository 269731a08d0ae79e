using System.Text;
using System.Text.Json.Nodes;

namespace Aperture.Jupyter;

/// <summary>
/// Gathers the outputs of one cell in the form that a notebook file keeps. Any thread may write, also after the cell has ended; then nothing is kept.
/// </summary>
/// <param name="shown">The outputs of the whole notebook that can be replaced, by their id; one for all cells.</param>
internal sealed class NotebookOutputs(Dictionary<string, List<JsonObject>> shown) : ICellOutput
{
    private readonly List<JsonObject> _outputs = [];
    private readonly StringBuilder _text = new();
    private string _stream = "stdout";
    private bool _clears;
    private bool _ended;

    public void Stream(string name, string text)
    {
        lock (shown)
        {
            Begin(flushes: name != _stream);
            _stream = name;
            _text.Append(text);
        }
    }

    public void Display(MimeBundle bundle, string? id)
    {
        JsonObject output = Shown("display_data", bundle);
        lock (shown)
        {
            Add(output);
            if (id is not null)
            {
                shown.TryAdd(id, []);
                shown[id].Add(output);
            }
        }
    }

    public void Update(MimeBundle bundle, string id)
    {
        lock (shown)
        {
            foreach (JsonObject output in shown.GetValueOrDefault(id, []))
            {
                output["data"] = Data(bundle);
            }
        }
    }

    public void Result(MimeBundle bundle, int count)
    {
        JsonObject output = new() { ["data"] = Data(bundle), ["execution_count"] = count, ["metadata"] = new JsonObject(), ["output_type"] = "execute_result" };
        lock (shown)
        {
            Add(output);
        }
    }

    public void Error(CellError error)
    {
        JsonObject output = PublishedOutput.ToJson(error);
        output["output_type"] = "error";
        lock (shown)
        {
            Add(output);
        }
    }

    public void Clear(bool wait)
    {
        lock (shown)
        {
            _clears = true;
            if (!wait)
            {
                Begin(flushes: false);
            }
        }
    }

    /// <summary>The outputs of the cell, which has ended.</summary>
    public JsonArray End()
    {
        lock (shown)
        {
            Flush();
            _ended = true;
            return [.. _outputs];
        }
    }

    private void Add(JsonObject output)
    {
        Begin(flushes: true);
        if (!_ended)
        {
            _outputs.Add(output);
        }
    }

    private void Begin(bool flushes)
    {
        if (_clears)
        {
            _clears = false;
            _outputs.Clear();
            _text.Clear();
        }

        if (flushes)
        {
            Flush();
        }
    }

    private void Flush()
    {
        if (_text.Length > 0 && !_ended)
        {
            _outputs.Add(new JsonObject { ["name"] = _stream, ["output_type"] = "stream", ["text"] = Lines(_text.ToString()) });
        }

        _text.Clear();
    }

    private static JsonObject Shown(string type, MimeBundle bundle)
        => new() { ["data"] = Data(bundle), ["metadata"] = new JsonObject(), ["output_type"] = type };

    // Texts are kept line by line, so that differences between versions can be read; binary forms are one string.
    private static JsonObject Data(MimeBundle bundle)
        => new(
            bundle.Forms.Select(
                form
                    => KeyValuePair.Create<string, JsonNode?>(
                        form.Key, form.Key.StartsWith("text/", StringComparison.Ordinal) ? Lines(form.Value) : form.Value)));

    private static JsonArray Lines(string text)
    {
        JsonArray lines = [];
        for (int start = 0; start < text.Length;)
        {
            int end = text.IndexOf('\n', start) + 1;
            end = end == 0 ? text.Length : end;
            lines.Add((JsonNode)text[start..end]);
            start = end;
        }

        return lines;
    }
}
