using System.Text;
using System.Text.Json;

namespace Aperture.Jupyter;

/// <summary>A run of bytes in a notebook file.</summary>
internal readonly record struct FileSpan(int Start, int End);

/// <summary>Where the results of a cell stand in the bytes of a file, so that they can be replaced and nothing else.</summary>
/// <param name="Count">The value of <c>execution_count</c>; null where the cell has none.</param>
/// <param name="Outputs">The value of <c>outputs</c>; null where the cell has none.</param>
/// <param name="End">Behind the cell's last value: where a missing one is put.</param>
/// <param name="Indent">What stands before a key of the cell, from its line's beginning; null where the file has no lines.</param>
internal sealed record CellLayout(FileSpan? Count, FileSpan? Outputs, int End, string? Indent);

/// <summary>Finds the cells in the bytes of a notebook that is known to be valid JSON with a list of cells that are objects.</summary>
internal static class NotebookLayout
{
    /// <summary>The layout of every cell, in order.</summary>
    /// <param name="json">The bytes, without a byte-order mark.</param>
    /// <param name="maxDepth">How deep values are nested at most.</param>
    public static List<CellLayout> Cells(ReadOnlySpan<byte> json, int maxDepth)
    {
        Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = maxDepth });
        List<CellLayout> cells = [];
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool isCells = reader.ValueTextEquals("cells"u8);
            reader.Read();
            if (!isCells)
            {
                reader.Skip();
                continue;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
            {
                cells.Add(Cell(ref reader, json));
            }
        }

        return cells;
    }

    private static CellLayout Cell(ref Utf8JsonReader reader, ReadOnlySpan<byte> json)
    {
        FileSpan? count = null, outputs = null;
        string? indent = null;
        int end = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            indent ??= IndentBefore(json, (int)reader.TokenStartIndex);
            bool isCount = reader.ValueTextEquals("execution_count"u8), isOutputs = reader.ValueTextEquals("outputs"u8);
            reader.Read();
            int start = (int)reader.TokenStartIndex;
            reader.Skip();
            end = (int)reader.BytesConsumed;
            count = isCount ? new FileSpan(start, end) : count;
            outputs = isOutputs ? new FileSpan(start, end) : outputs;
        }

        return new CellLayout(count, outputs, end, indent);
    }

    private static string? IndentBefore(ReadOnlySpan<byte> json, int key)
    {
        int line = json[..key].LastIndexOf((byte)'\n') + 1;
        ReadOnlySpan<byte> before = json[line..key];
        return line > 0 && before.Trim(" \t"u8).IsEmpty ? Encoding.UTF8.GetString(before) : null;
    }
}
