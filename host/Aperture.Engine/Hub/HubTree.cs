using System.Text.Json;
using Aperture.Files;

namespace Aperture.Hub;

/// <summary>The list of files of a commit, as the hub's tools keep it in <c>trees/</c> (format version 1).</summary>
internal static class HubTree
{
    private const int FormatVersion = 1;

    /// <summary>Reads a stored list; null if there is none or it is of another format.</summary>
    public static IReadOnlyList<HubFileEntry>? Read(string path)
    {
        try
        {
            using JsonDocument document = JsonText.Parse(File.ReadAllBytes(path));
            JsonElement root = document.RootElement;
            if (root.GetProperty("format_version").GetInt32() != FormatVersion)
            {
                return null;
            }

            return [.. root.GetProperty("files").EnumerateObject().Select(f => new HubFileEntry(
                f.Name,
                Number(f.Value, "lfs_size") ?? Number(f.Value, "size"),
                Text(f.Value, "blob_id"),
                Text(f.Value, "lfs_sha256"))).Where(f => HubNames.IsSafePath(f.Path))];
        }
        catch (Exception e) when (
            e is IOException or UnauthorizedAccessException or JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null; // Not there or not readable: the list is asked for again.
        }
    }

    /// <summary>Writes a list in that format. Entries without hash or size make it impossible, and nothing is written.</summary>
    public static void Write(string path, IReadOnlyList<HubFileEntry> files)
    {
        if (files.Any(f => f.BlobId is null || f.Size is null))
        {
            return;
        }

        using MemoryStream buffer = new MemoryStream();
        using (Utf8JsonWriter json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteNumber("format_version", FormatVersion);
            json.WriteStartObject("files");
            foreach (HubFileEntry file in files.OrderBy(f => f.Path, StringComparer.Ordinal))
            {
                json.WriteStartObject(file.Path);
                json.WriteNumber("size", file.Size!.Value);
                json.WriteString("blob_id", file.BlobId);
                if (file.LfsSha256 is not null)
                {
                    json.WriteString("lfs_sha256", file.LfsSha256);
                    json.WriteNumber("lfs_size", file.Size.Value);
                }

                json.WriteEndObject();
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        AtomicFile.Write(path, buffer.ToArray());
    }

    /// <summary>Reads the hub's answer about a revision: its commit and its files.</summary>
    public static (string Commit, IReadOnlyList<HubFileEntry> Files) ParseAnswer(ReadOnlyMemory<byte> answer)
    {
        using JsonDocument document = JsonText.Parse(answer);
        JsonElement root = document.RootElement;
        string commit = root.ValueKind == JsonValueKind.Object ? Text(root, "sha") ?? "" : "";
        if (!HubNames.IsCommit(commit) || !root.TryGetProperty("siblings", out JsonElement siblings) || siblings.ValueKind != JsonValueKind.Array)
        {
            throw new JsonException("no commit or no list of files");
        }

        List<HubFileEntry> files = new List<HubFileEntry>();
        foreach (JsonElement file in siblings.EnumerateArray())
        {
            if (file.ValueKind != JsonValueKind.Object)
            {
                throw new JsonException($"a file of its list is {file.ValueKind}, not an object");
            }

            bool isLfs = file.TryGetProperty("lfs", out JsonElement lfs) && lfs.ValueKind == JsonValueKind.Object;
            files.Add(new HubFileEntry(
                HubNames.RequireSafePath(Text(file, "rfilename") ?? ""),
                (isLfs ? Number(lfs, "size") : null) ?? Number(file, "size"),
                Text(file, "blobId"),
                isLfs ? Text(lfs, "sha256") : null));
        }

        HashSet<string> names = new(files.Select(f => f.Path), StringComparer.Ordinal);
        if (names.Count != files.Count)
        {
            throw new JsonException("a file stands twice");
        }

        return files.Find(f => FoldersOf(f.Path).Any(names.Contains)) is { } inside
            ? throw new JsonException($"'{inside.Path}' lies in a folder that is a file of the list too")
            : (commit, files);
    }

    private static IEnumerable<string> FoldersOf(string path)
    {
        for (int slash = path.LastIndexOf('/'); slash > 0; slash = path.LastIndexOf('/', slash - 1))
        {
            yield return path[..slash];
        }
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static long? Number(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number) && number >= 0
            ? number
            : null;
}
