using System.Globalization;

namespace Aperture.Plugins;

/// <summary>
/// Copies of plugin folders that plugins are loaded from, so that the originals can be replaced while <c>Assembly.Location</c> stays valid: one folder for the
/// store, below it one a plugin and version. The store's folder has a random name and is private to the user, because code is loaded from it. A lock file held
/// open tells other processes that its owner is alive; stores of dead owners are deleted when the next one opens.
/// </summary>
internal sealed class ShadowStore : IDisposable
{
    private const string Prefix = "aperture-plugins-";
    private const string LockName = "owner.lock";

    private readonly string _parent;
    private readonly List<string> _kept = [];
    private string? _root;
    private FileStream? _owner;
    private int _versions;

    public ShadowStore(string? parent) => _parent = Path.GetFullPath(parent ?? Path.GetTempPath());

    /// <summary>The store's folder; null before the first copy.</summary>
    public string? Root => _root;

    /// <summary>Copies a plugin's folder.</summary>
    /// <returns>The copy, named as the original.</returns>
    public string Add(string plugin, string folder)
    {
        string root = Open();
        string copy = Path.Combine(root, plugin, (++_versions).ToString(CultureInfo.InvariantCulture), Path.GetFileName(folder));
        CopyFolder(new DirectoryInfo(folder), copy);
        return copy;
    }

    /// <summary>
    /// Deletes a copy; <paramref name="stillUsed"/> leaves it for the next process, because a plugin that did not unload may still load from it.
    /// </summary>
    public void Remove(string copy, bool stillUsed)
    {
        if (stillUsed)
        {
            _kept.Add(copy);
        }
        else
        {
            Directory.Delete(Path.GetDirectoryName(copy)!, recursive: true);
        }
    }

    public void Dispose()
    {
        _owner?.Dispose();
        _owner = null;
        if (_root is not null && _kept.Count == 0)
        {
            Directory.Delete(_root, recursive: true);
        }

        _root = null;
    }

    private string Open()
    {
        if (_root is not null)
        {
            return _root;
        }

        Directory.CreateDirectory(_parent);
        DeleteAbandoned();
        string root = Path.Combine(_parent, $"{Prefix}{Guid.NewGuid():N}");
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(root);
        }
        else
        {
            Directory.CreateDirectory(root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        _owner = new FileStream(Path.Combine(root, LockName), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);
        return _root = root;
    }

    private void DeleteAbandoned()
    {
        foreach (string store in Directory.EnumerateDirectories(_parent, Prefix + "*"))
        {
            try
            {
                // Fails while the owner lives, for another user's store, and in the instant in which a store is being made.
                using (new FileStream(Path.Combine(store, LockName), FileMode.Open, FileAccess.ReadWrite, FileShare.None))
                {
                }

                Directory.Delete(store, recursive: true);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                continue;
            }
        }
    }

    private static void CopyFolder(DirectoryInfo from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (FileInfo file in from.EnumerateFiles())
        {
            file.CopyTo(Path.Combine(to, file.Name));
        }

        // A linked folder may lead back up; a plugin has no use for one.
        foreach (DirectoryInfo folder in from.EnumerateDirectories().Where(folder => folder.LinkTarget is null))
        {
            CopyFolder(folder, Path.Combine(to, folder.Name));
        }
    }
}
