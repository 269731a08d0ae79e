using System.Text.Encodings.Web;
using System.Text.Json;
using Aperture.Files;

namespace Aperture.Host.Repl;

/// <summary>
/// What was entered, in this session and in those before: a file with one JSON string a line, so that entries of several lines keep them. Sessions that run at
/// the same time append to it in turn. A file that cannot be read or written only costs the memory of it.
/// </summary>
internal sealed class LineHistory
{
    private const int Most = 5000;
    private readonly List<string> _entries = [];

    /// <summary>Reads the file, if there is one.</summary>
    /// <param name="path">The file; null keeps the history in memory.</param>
    public LineHistory(string? path)
    {
        Path = path;
        foreach (string line in path is null ? [] : Lines(path))
        {
            if (Read(line) is { Length: > 0 } entry)
            {
                _entries.Add(entry);
            }
        }

        if (_entries.Count > 2 * Most)
        {
            _entries.RemoveRange(0, _entries.Count - Most);
            Rewrite();
        }
    }

    /// <summary><c>$XDG_STATE_HOME/aperture/history</c>, or <c>~/.local/state/aperture/history</c>; null where the user has no folder.</summary>
    public static string? DefaultPath => UserFolders.Below(UserFolders.State, "aperture", "history");

    /// <summary>The file; null if the history is in memory alone.</summary>
    public string? Path { get; }

    /// <summary>Oldest first.</summary>
    public IReadOnlyList<string> Entries => _entries;

    /// <summary>Adds an entry, unless it repeats the last one.</summary>
    public void Add(string entry)
    {
        if (string.IsNullOrWhiteSpace(entry) || (_entries.Count > 0 && _entries[^1] == entry))
        {
            return;
        }

        _entries.Add(entry);
        if (Path is not null)
        {
            Try(() =>
            {
                Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
                bool isNew = !File.Exists(Path);
                File.AppendAllText(Path, Write(entry) + "\n");
                if (isNew)
                {
                    MakePrivate(Path);
                }
            });
        }
    }

    /// <summary>The nearest older entry before an index that a test accepts, or -1.</summary>
    public int FindBefore(int index, Predicate<string> accepts) => index <= 0 ? -1 : _entries.FindLastIndex(Math.Min(index, _entries.Count) - 1, accepts);

    /// <summary>The nearest younger entry after an index that a test accepts, or -1.</summary>
    public int FindAfter(int index, Predicate<string> accepts) => index + 1 >= _entries.Count ? -1 : _entries.FindIndex(index + 1, accepts);

    private static string[] Lines(string path)
    {
        string[] lines = [];
        Try(() => lines = File.Exists(path) ? File.ReadAllLines(path) : []);
        return lines;
    }

    private void Rewrite() => Try(() =>
    {
        string temporary = AtomicFile.Temporary(Path!);
        File.WriteAllLines(temporary, _entries.Select(Write));
        MakePrivate(temporary);
        File.Move(temporary, Path!, overwrite: true);
    });

    // As shells keep theirs: what is typed may be nobody else's business.
    private static void MakePrivate(string path)
    {
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
    }

    private static string Write(string entry) => $"\"{JsonEncodedText.Encode(entry, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";

    private static string? Read(string line)
    {
        Utf8JsonReader reader = new Utf8JsonReader(System.Text.Encoding.UTF8.GetBytes(line));
        try
        {
            return reader.Read() && reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null; // A line that a crash cut short.
        }
    }

    private static void Try(Action access)
    {
        try
        {
            access();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Named in the class: the session goes on without the file.
        }
    }
}
