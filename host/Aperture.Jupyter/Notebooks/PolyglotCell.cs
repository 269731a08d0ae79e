using System.Text;
using System.Text.Json.Nodes;

namespace Aperture.Jupyter;

/// <summary>
/// The C# of a code cell, also of one that .NET's discontinued notebooks wrote: there a line <c>#!NAME</c> says that the lines behind it are another kernel's,
/// and a cell's metadata names the kernel that it begins with. Lines of other languages become empty, so that errors name the right ones.
/// </summary>
/// <param name="Source">What is left: C#; empty where nothing is.</param>
/// <param name="Skipped">The languages and commands that were left out, each once; Markdown, which is no code, is not among them.</param>
internal sealed record PolyglotCell(string Source, IReadOnlyList<string> Skipped)
{
    private const string Sharp = "csharp", Markdown = "markdown";
    private static readonly string[] _sharp = [Sharp, "c#", "C#", "cs", ".net-csharp"];

    /// <summary>Reads a cell.</summary>
    /// <param name="source">Its text.</param>
    /// <param name="metadata">Its metadata; null without.</param>
    /// <param name="language">The notebook's own kernel; null for C#.</param>
    public static PolyglotCell Read(string source, JsonObject? metadata, string? language)
    {
        string kernel = Name(metadata, "polyglot_notebook", "kernelName") ?? Name(metadata, "dotnet_interactive", "language") ?? language ?? Sharp;
        List<string> skipped = [];
        StringBuilder code = new(source.Length);
        string[] lines = source.Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i];
            if (Directive(line) is { } named)
            {
                kernel = named;
                line = "";
            }

            bool isCode = _sharp.Contains(kernel, StringComparer.OrdinalIgnoreCase);
            if (!isCode && kernel != Markdown && line.Trim().Length > 0 && !skipped.Contains(kernel))
            {
                skipped.Add(kernel);
            }

            code.Append(isCode ? line : "").Append(i + 1 < lines.Length ? "\n" : "");
        }

        string left = code.ToString();
        return new PolyglotCell(string.IsNullOrWhiteSpace(left) ? "" : left, skipped);
    }

    /// <summary>The name under an object of the metadata; null where there is none.</summary>
    public static string? Name(JsonObject? metadata, string part, string key) => NotebookFile.Text((metadata?[part] as JsonObject)?[key]);

    // #!time is this program's own too; a first line #!/usr/bin/… is a path.
    private static string? Directive(string line)
        => line.StartsWith("#!", StringComparison.Ordinal) && line.Length > 2 && char.IsAsciiLetter(line[2]) && line.Trim() != "#!time"
            ? line[2..].Split([' ', '\t', '\r'], 2)[0]
            : null;
}
