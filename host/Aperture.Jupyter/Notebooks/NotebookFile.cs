using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Files;
using Aperture.Pipelines;

namespace Aperture.Jupyter;

/// <summary>
/// A notebook of format 4. What a run did not run stays byte for byte as it stands; what it writes has the layout of Jupyter's own tools. A notebook may come
/// from anyone: sizes and shapes are checked before anything of it is used, and nothing of it runs by being read.
/// </summary>
public sealed class NotebookFile
{
    private const long MaxBytes = 256L * 1024 * 1024;
    private const int MaxDepth = 128;
    private const string Polyglot = "polyglot-notebook";
    private const int CellDepth = 3; // levels of a key of a cell: the notebook, its cells, the cell
    private static readonly JsonDocumentOptions _reading = new() { MaxDepth = MaxDepth, AllowDuplicateProperties = false };
    private readonly byte[] _bytes;
    private readonly int _mark;

    private NotebookFile(string path, byte[] bytes, int mark, IReadOnlyList<NotebookCell> cells) => (Path, _bytes, _mark, Cells) = (path, bytes, mark, cells);

    /// <summary>Full path of the file.</summary>
    public string Path { get; }

    /// <summary>The code cells, in order.</summary>
    public IReadOnlyList<NotebookCell> Cells { get; }

    /// <summary>Reads a notebook.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ApertureException">It cannot be read, is no notebook of format 4, or is written in another language.</exception>
    public static NotebookFile Read(string path)
    {
        string full = System.IO.Path.GetFullPath(path);
        try
        {
            using FileStream stream = InputFile.Open(full);
            if (stream.Length > MaxBytes)
            {
                throw new ApertureException($"The notebook '{path}' has {stream.Length} bytes; the most that is read is {MaxBytes}. Clear its outputs.");
            }

            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            ReadOnlyMemory<byte> content = JsonText.Content(bytes);
            if (JsonNode.Parse(content.Span, documentOptions: _reading) is not JsonObject root)
            {
                throw new ApertureException($"The notebook '{path}' is no JSON object.");
            }

            string? language = CheckKind(path, root);
            return new NotebookFile(full, bytes, bytes.Length - content.Length, ReadCells(path, root, language));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ApertureException($"There is no notebook '{path}' (looked for {full}).", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ApertureException($"The notebook '{path}' cannot be read: {e.Message}", e);
        }
        catch (JsonException e)
        {
            throw new ApertureException($"The notebook '{path}' is not valid JSON: {e.Message}", e);
        }
    }

    /// <summary>Writes the notebook with what ran to a new file beside the target and renames it into place.</summary>
    /// <param name="path">The target.</param>
    /// <exception cref="ApertureException">It cannot be written.</exception>
    public void Write(string path)
    {
        string full = System.IO.Path.GetFullPath(path), temporary = AtomicFile.Temporary(full);
        try
        {
            using (FileStream stream = File.Create(temporary))
            {
                WriteTo(stream);
            }

            File.Move(temporary, full, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (File.Exists(temporary))
            {
                File.Delete(temporary);
            }

            throw new ApertureException($"The notebook '{path}' cannot be written: {e.Message}", e);
        }
    }

    internal static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    // The file's own bytes, with the results of the cells that ran in place of the old ones.
    private void WriteTo(FileStream stream)
    {
        ReadOnlySpan<byte> json = _bytes.AsSpan(_mark);
        List<CellLayout> layout = NotebookLayout.Cells(json, MaxDepth);
        int written = 0;
        stream.Write(_bytes.AsSpan(0, _mark));
        foreach ((int start, int end, string text) in Cells.Where(cell => cell.Result is not null).SelectMany(cell => Edits(layout[cell.Index], cell)))
        {
            stream.Write(json[written..start]);
            stream.Write(Encoding.UTF8.GetBytes(text));
            written = end;
        }

        stream.Write(json[written..]);
    }

    private IEnumerable<(int Start, int End, string Text)> Edits(CellLayout place, NotebookCell cell)
    {
        (int count, JsonArray outputs) = cell.Result!.Value;
        string newLine = _bytes.AsSpan().IndexOf("\r\n"u8) >= 0 ? "\r\n" : "\n";
        string step = place.Indent is { Length: > 0 } indent && indent.Length % CellDepth == 0 ? indent[..(indent.Length / CellDepth)] : " ";
        string results = new NotebookJson(place.Indent, step, newLine).Write(outputs);
        string between = place.Indent is null ? ", " : $",{newLine}{place.Indent}";
        string missing = (place.Count is null ? $"{between}\"execution_count\": {count}" : "")
            + (place.Outputs is null ? $"{between}\"outputs\": {results}" : "");
        List<(int Start, int End, string Text)> edits = [];
        if (place.Count is { } counted)
        {
            edits.Add((counted.Start, counted.End, $"{count}"));
        }

        if (place.Outputs is { } shown)
        {
            edits.Add((shown.Start, shown.End, results));
        }

        if (missing.Length > 0)
        {
            edits.Add((place.End, place.End, missing));
        }

        return edits.OrderBy(edit => edit.Start).ThenBy(edit => edit.End);
    }

    // The kernel that cells without a name of their own are for; null for C#.
    private static string? CheckKind(string path, JsonObject root)
    {
        int format = root["nbformat"] is JsonValue value && value.TryGetValue(out int number) ? number : 0;
        if (format != 4)
        {
            throw new ApertureException(
                $"The notebook '{path}' has format {(format == 0 ? "unknown" : $"{format}")}; only format 4 is read. Open it in Jupyter and save it anew.");
        }

        if (root["metadata"] is not JsonObject metadata || root["cells"] is not JsonArray)
        {
            throw new ApertureException($"The notebook '{path}' lacks 'metadata' or 'cells'.");
        }

        string? info = PolyglotCell.Name(metadata, "language_info", "name");
        string? language = PolyglotCell.Name(metadata, "kernelspec", "language") ?? (info == Polyglot ? null : info);
        if (language is null || string.Equals(language, KernelSpec.Language, StringComparison.OrdinalIgnoreCase))
        {
            return PolyglotCell.Name(metadata["polyglot_notebook"] as JsonObject, "kernelInfo", "defaultKernelName");
        }

        return info == Polyglot ? language : throw new ApertureException($"The notebook '{path}' is written in {language}, not in C#.");
    }

    private static List<NotebookCell> ReadCells(string path, JsonObject root, string? language)
    {
        List<NotebookCell> cells = [];
        JsonArray all = (JsonArray)root["cells"]!;
        for (int i = 0; i < all.Count; i++)
        {
            if (all[i] is not JsonObject cell || Text(cell["cell_type"]) is not { } kind)
            {
                throw new ApertureException($"The notebook '{path}', cell {i + 1}: it has no 'cell_type'.");
            }

            if (kind == "code")
            {
                string source = Source(cell["source"])
                    ?? throw new ApertureException($"The notebook '{path}', cell {i + 1}: its 'source' is neither a text nor a list of lines.");
                cells.Add(new NotebookCell(cell, i, PolyglotCell.Read(source, cell["metadata"] as JsonObject, language)));
            }
        }

        return cells;
    }

    private static string? Source(JsonNode? node)
    {
        if (node is not JsonArray lines)
        {
            return Text(node);
        }

        StringBuilder text = new();
        foreach (JsonNode? line in lines)
        {
            if (Text(line) is not { } part)
            {
                return null;
            }

            text.Append(part);
        }

        return text.ToString();
    }
}
