using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Pipelines;

namespace Aperture.Jupyter;

/// <summary>
/// A notebook of format 4. What this program does not know is kept as it stands; what it writes has the layout of Jupyter's own tools, so that a run changes
/// outputs only. A notebook may come from anyone: sizes and shapes are checked before anything of it is used, and nothing of it runs by being read.
/// </summary>
public sealed class NotebookFile
{
    private const long MaxBytes = 256L * 1024 * 1024;
    private const int MaxDepth = 128;
    private static readonly JsonDocumentOptions _reading = new() { MaxDepth = MaxDepth, AllowDuplicateProperties = false };
    private static readonly JsonWriterOptions _writing = new()
    {
        Indented = true,
        IndentSize = 1,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NewLine = "\n",
        MaxDepth = MaxDepth,
    };
    private readonly JsonObject _root;

    private NotebookFile(string path, JsonObject root, IReadOnlyList<NotebookCell> cells) => (Path, _root, Cells) = (path, root, cells);

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
            using FileStream stream = File.OpenRead(full);
            if (stream.Length > MaxBytes)
            {
                throw new ApertureException($"The notebook '{path}' has {stream.Length} bytes; the most that is read is {MaxBytes}. Clear its outputs.");
            }

            if (JsonNode.Parse(stream, documentOptions: _reading) is not JsonObject root)
            {
                throw new ApertureException($"The notebook '{path}' is no JSON object.");
            }

            CheckKind(path, root);
            return new NotebookFile(full, root, ReadCells(path, root));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ApertureException($"There is no notebook '{path}' (looked for {full}).", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ApertureException($"The notebook '{path}' cannot be read: {e.Message}", e);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string with half a surrogate pair.
            throw new ApertureException($"The notebook '{path}' is not valid JSON: {e.Message}", e);
        }
    }

    /// <summary>Writes the notebook to a new file beside the target and renames it into place.</summary>
    /// <param name="path">The target.</param>
    /// <exception cref="ApertureException">It cannot be written.</exception>
    public void Write(string path)
    {
        string full = System.IO.Path.GetFullPath(path), temporary = full + "." + Guid.NewGuid().ToString("N") + ".tmp";
        try
        {
            using (FileStream stream = File.Create(temporary))
            {
                using (Utf8JsonWriter writer = new(stream, _writing))
                {
                    _root.WriteTo(writer);
                }

                stream.WriteByte((byte)'\n');
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

    /// <summary>Names the kernel and the language, as clients that open the notebook want to know.</summary>
    public void SetLanguage()
    {
        JsonObject metadata = (JsonObject)_root["metadata"]!;
        metadata["kernelspec"] ??= new JsonObject { ["display_name"] = "C# (Aperture)", ["language"] = KernelSpec.Language, ["name"] = "aperture" };
        metadata["language_info"] = KernelAnswers.Language();
    }

    private static void CheckKind(string path, JsonObject root)
    {
        int format = root["nbformat"] is JsonValue value && value.TryGetValue(out int number) ? number : 0;
        if (format != 4)
        {
            throw new ApertureException(
                $"The notebook '{path}' has format {(format == 0 ? "unknown" : format)}; only format 4 is read. Open it in Jupyter and save it anew.");
        }

        if (root["metadata"] is not JsonObject metadata || root["cells"] is not JsonArray)
        {
            throw new ApertureException($"The notebook '{path}' lacks 'metadata' or 'cells'.");
        }

        string? language = Text((metadata["kernelspec"] as JsonObject)?["language"]) ?? Text((metadata["language_info"] as JsonObject)?["name"]);
        if (language is not null && !string.Equals(language, KernelSpec.Language, StringComparison.OrdinalIgnoreCase))
        {
            throw new ApertureException($"The notebook '{path}' is written in {language}, not in C#.");
        }
    }

    private static List<NotebookCell> ReadCells(string path, JsonObject root)
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
                cells.Add(new NotebookCell(cell, source));
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

    internal static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : null;
}
