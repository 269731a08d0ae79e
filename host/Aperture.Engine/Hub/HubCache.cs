using System.Text;
using Aperture.Files;

namespace Aperture.Hub;

/// <summary>
/// The hub's cache on this machine, in the layout of the hub's own tools, so that both use each other's downloads:
/// <c>models--org--name/{refs/REVISION, blobs/ETAG, snapshots/COMMIT/PATH -> blob, .no_exist/COMMIT/PATH, trees/COMMIT.json}</c>.
/// </summary>
public sealed class HubCache
{
    private readonly bool _useSymlinks;

    /// <summary>Opens the cache that the settings name; nothing is created.</summary>
    public HubCache(HubSettings settings)
    {
        Folder = Path.GetFullPath(settings.CacheFolder);
        _useSymlinks = settings.UseSymlinks;
    }

    /// <summary>The folder of all repositories.</summary>
    public string Folder { get; }

    /// <summary>The snapshot folder of a revision, or null if nothing of it is cached. It may lack files that nobody asked for.</summary>
    /// <param name="repo">The repository.</param>
    /// <param name="revision">A branch, a tag or a 40-digit commit.</param>
    public string? Find(HubRepo repo, string revision = "main") =>
        FindCommit(repo, revision) is { } commit && Directory.Exists(SnapshotFolder(repo, commit)) ? SnapshotFolder(repo, commit) : null;

    /// <summary>A cached file of a revision, or null.</summary>
    public string? FindFile(HubRepo repo, string revision, string file)
    {
        string? path = Find(repo, revision) is { } folder ? Path.Combine(folder, HubNames.RequireSafePath(file)) : null;
        return path is not null && IsThere(path) ? path : null;
    }

    /// <summary>Whether a file can be read: a link whose blob was deleted does not count.</summary>
    internal static bool IsThere(string path) =>
        File.Exists(path) && File.ResolveLinkTarget(path, returnFinalTarget: true) is not { Exists: false };

    internal string? FindCommit(HubRepo repo, string revision)
    {
        if (HubNames.IsCommit(revision))
        {
            return revision;
        }

        string path = Path.Combine(RepoFolder(repo), "refs", HubNames.RequireRevision(revision));
        return File.Exists(path) && File.ReadAllText(path).Trim() is { } commit && HubNames.IsCommit(commit) ? commit : null;
    }

    internal string SnapshotFolder(HubRepo repo, string commit) => Path.Combine(RepoFolder(repo), "snapshots", commit);

    internal string BlobPath(HubRepo repo, string etag) => Path.Combine(RepoFolder(repo), "blobs", etag);

    internal string LockPath(HubRepo repo, string etag) => Path.Combine(Folder, ".locks", repo.FolderName, etag + ".lock");

    internal string TreePath(HubRepo repo, string commit) => Path.Combine(RepoFolder(repo), "trees", commit + ".json");

    internal bool IsKnownMissing(HubRepo repo, string commit, string file) => File.Exists(MissingPath(repo, commit, file));

    internal void MarkMissing(HubRepo repo, string commit, string file)
    {
        Prepare();
        AtomicFile.Write(MissingPath(repo, commit, file), []);
    }

    internal void WriteRef(HubRepo repo, string revision, string commit)
    {
        if (!HubNames.IsCommit(revision) && FindCommit(repo, revision) != commit)
        {
            Prepare();
            AtomicFile.Write(Path.Combine(RepoFolder(repo), "refs", revision), Encoding.ASCII.GetBytes(commit));
        }
    }

    /// <summary>Creates the folder with the tag that tells backup programs to leave it out.</summary>
    internal void Prepare()
    {
        string tag = Path.Combine(Folder, "CACHEDIR.TAG");
        if (!File.Exists(tag))
        {
            AtomicFile.Write(tag, "Signature: 8a477f597d28d172789f06886806bc55\n# Downloads from a model hub; they can be fetched again.\n"u8);
        }
    }

    /// <summary>Puts a blob into a snapshot: as a relative symbolic link, or as the file itself where links are off or do not work.</summary>
    internal string Link(HubRepo repo, string commit, string file, string etag)
    {
        string blob = BlobPath(repo, etag);
        string path = Path.Combine(SnapshotFolder(repo, commit), file);
        if (IsThere(path))
        {
            return path;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        string temporary = AtomicFile.Temporary(path);
        if (!_useSymlinks)
        {
            File.Move(blob, path, overwrite: true);
            return path;
        }

        try
        {
            File.CreateSymbolicLink(temporary, Path.GetRelativePath(Path.GetDirectoryName(path)!, blob));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or PlatformNotSupportedException)
        {
            File.Copy(blob, temporary); // A file system without links.
        }

        File.Move(temporary, path, overwrite: true);
        return path;
    }

    private string RepoFolder(HubRepo repo) => Path.Combine(Folder, repo.FolderName);

    private string MissingPath(HubRepo repo, string commit, string file) => Path.Combine(RepoFolder(repo), ".no_exist", commit, file);
}
