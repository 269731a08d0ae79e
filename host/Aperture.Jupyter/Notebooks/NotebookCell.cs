using System.Text.Json.Nodes;

namespace Aperture.Jupyter;

/// <summary>A code cell of a notebook file.</summary>
public sealed class NotebookCell
{
    private readonly JsonObject _json;
    private readonly PolyglotCell _code;

    internal NotebookCell(JsonObject json, int index, PolyglotCell code) => (_json, Index, _code) = (json, index, code);

    /// <summary>C# text; lines of other languages are empty.</summary>
    public string Source => _code.Source;

    /// <summary>Languages of the cell that are not run.</summary>
    public IReadOnlyList<string> Skipped => _code.Skipped;

    /// <summary>Whether the cell is there to fail: its error is an output, and the run goes on.</summary>
    public bool MayFail => HasTag("raises-exception");

    /// <summary>Whether the cell is left out of a run.</summary>
    public bool IsSkipped => HasTag("skip-execution");

    /// <summary>The cell's place among all cells, from 0.</summary>
    internal int Index { get; }

    /// <summary>What a run gave, to be written in place of what the file has; null for a cell that did not run.</summary>
    internal (int Count, JsonArray Outputs)? Result { get; private set; }

    /// <summary>Puts the outputs of a run in place of the old ones.</summary>
    internal void SetOutputs(int count, JsonArray outputs) => Result = (count, outputs);

    private bool HasTag(string tag) => (_json["metadata"] as JsonObject)?["tags"] is JsonArray tags && tags.Any(t => NotebookFile.Text(t) == tag);
}
