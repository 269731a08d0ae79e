namespace Aperture.Host;

/// <summary>Pictures and questions that come with the command and lie beside it, so that they are found from any folder.</summary>
internal static class SampleFiles
{
    private static string Folder => Path.Combine(AppContext.BaseDirectory, "scripts");

    /// <summary>The file of a shipped picture.</summary>
    /// <param name="name">Its name without extension.</param>
    /// <exception cref="ApertureException">There is none of that name.</exception>
    public static string Picture(string name)
        => Find("picture", name, Directory.EnumerateFiles(Folder, "*.png"), file => Path.GetFileNameWithoutExtension(file));

    /// <summary>The file of shipped questions.</summary>
    /// <param name="name">The name of their folder.</param>
    /// <exception cref="ApertureException">There are none of that name.</exception>
    public static string Questions(string name)
        => Find(
            "questions",
            name,
            Directory.EnumerateFiles(Path.Combine(Folder, "data"), "questions.jsonl", SearchOption.AllDirectories),
            file => Path.GetFileName(Path.GetDirectoryName(file)!));

    private static string Find(string what, string name, IEnumerable<string> files, Func<string, string> nameOf)
    {
        string[] all = [.. files.Order()];
        return all.FirstOrDefault(file => nameOf(file) == name)
            ?? throw new ApertureException(
                $"There is no sample '{name}' of {what}; there {(all.Length == 1 ? "is" : "are")} {string.Join(", ", all.Select(nameOf))}.");
    }
}
