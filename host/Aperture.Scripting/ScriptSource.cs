using Aperture.Pipelines;

namespace Aperture.Scripting;

/// <summary>The text of one submission: a script file, a cell of a notebook, a line of the REPL.</summary>
public sealed record ScriptSource
{
    private ScriptSource(string text, string path, bool isFile)
    {
        Text = text;
        Path = path;
        IsFile = isFile;
    }

    /// <summary>The C# text, directives included.</summary>
    public string Text { get; }

    /// <summary>The name that errors show: the full path of the file, or the cell's name.</summary>
    public string Path { get; }

    /// <summary>Whether <see cref="Path"/> is a file. Only files are kept in the compiled-script cache.</summary>
    public bool IsFile { get; }

    /// <summary>Reads a script file.</summary>
    /// <exception cref="ApertureException">The file cannot be read.</exception>
    public static ScriptSource FromFile(string path)
    {
        string full = System.IO.Path.GetFullPath(path);
        try
        {
            return new ScriptSource(File.ReadAllText(full), full, isFile: true);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ApertureException($"There is no script '{path}' (looked for {full}).", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ApertureException($"The script '{path}' cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Takes the text of a cell or a line; <c>#load</c> and <c>#r</c> paths in it are relative to the session's folder.</summary>
    /// <param name="text">C# text.</param>
    /// <param name="name">What errors show as the file, e.g. <c>cell 3</c>.</param>
    public static ScriptSource FromText(string text, string name = "script") => new(text, name, isFile: false);
}
