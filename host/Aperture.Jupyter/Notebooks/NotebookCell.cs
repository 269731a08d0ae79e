using System.Text.Json.Nodes;

namespace Aperture.Jupyter;

/// <summary>A code cell of a notebook file.</summary>
public sealed class NotebookCell
{
    private readonly JsonObject _json;

    internal NotebookCell(JsonObject json, string source) => (_json, Source) = (json, source);

    /// <summary>C# text.</summary>
    public string Source { get; }

    /// <summary>Whether the cell is there to fail: its error is an output, and the run goes on.</summary>
    public bool MayFail => HasTag("raises-exception");

    /// <summary>Whether the cell is left out of a run.</summary>
    public bool IsSkipped => HasTag("skip-execution");

    /// <summary>Puts the outputs of a run in place of the old ones.</summary>
    internal void SetOutputs(int count, JsonArray outputs)
    {
        _json["execution_count"] = count;
        _json["outputs"] = outputs;
    }

    /// <summary>Removes the outputs of an earlier run.</summary>
    internal void Clear()
    {
        _json["execution_count"] = null;
        _json["outputs"] = new JsonArray();
    }

    private bool HasTag(string tag) => (_json["metadata"] as JsonObject)?["tags"] is JsonArray tags && tags.Any(t => NotebookFile.Text(t) == tag);
}
