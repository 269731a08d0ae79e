using System.IO.Enumeration;
using Aperture.Measuring;
using Aperture.Pipelines;

namespace Aperture.Hub;

/// <summary>Downloads from a Hugging Face hub into the cache that the hub's own tools use.</summary>
public sealed class HubClient : IDisposable
{
    private const int ParallelFiles = 4;
    private readonly HubSettings _settings;
    private readonly HubHttp _http;

    /// <summary>Creates a client; nothing is sent yet.</summary>
    public HubClient(HubSettings settings)
    {
        _settings = settings;
        _http = new HubHttp(settings);
        Cache = new HubCache(settings);
    }

    /// <summary>The cache that downloads go to.</summary>
    public HubCache Cache { get; }

    /// <summary>Makes the files of a revision that match any pattern present and returns their snapshot.</summary>
    /// <param name="repo">The repository.</param>
    /// <param name="patterns">Paths, or patterns with <c>*</c> (also across folders) and <c>?</c>; none means every file.</param>
    /// <param name="revision">A branch, a tag or a commit. A commit that is cached whole needs no network.</param>
    /// <param name="progress">Told about every file.</param>
    /// <param name="cancellationToken">Stops; what has arrived is kept for the next try.</param>
    /// <exception cref="HubException">It cannot be had, and the cache does not have it either.</exception>
    public Task<HubSnapshot> DownloadAsync(
        HubRepo repo,
        IReadOnlyList<string> patterns,
        string revision = "main",
        IProgress<HubProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        IReadOnlyList<string> Select(IReadOnlyList<string> files)
        {
            if (patterns.FirstOrDefault(p => !files.Any(f => FileSystemName.MatchesSimpleExpression(p, f, ignoreCase: false))) is { } unmatched)
            {
                throw new HubException(HubFailure.FileNotFound, $"{repo} has no file '{unmatched}' at revision '{revision}'.");
            }

            return [.. files.Where(f => patterns.Count == 0 || patterns.Any(p => FileSystemName.MatchesSimpleExpression(p, f, ignoreCase: false)))];
        }

        IReadOnlyList<string> FindMissing(string folder)
        {
            IReadOnlyList<string> there = FilesIn(folder);
            return [.. patterns.Where(p => !there.Any(f => FileSystemName.MatchesSimpleExpression(p, f, ignoreCase: false)))];
        }

        return DownloadAsync(repo, Select, FindMissing, revision, progress, cancellationToken);
    }

    /// <summary>
    /// Makes a model present: the model's files (see <see cref="ModelFiles"/>), then the separate vision tower if its configuration names one.
    /// </summary>
    /// <returns>The model's snapshot, and after it the tower's.</returns>
    /// <exception cref="HubException">It cannot be had, and the cache does not have it either.</exception>
    public async Task<IReadOnlyList<HubSnapshot>> DownloadModelAsync(
        HubRepo repo, string revision = "main", IProgress<HubProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        HubSnapshot model = await DownloadAsync(repo, ModelFiles.Select, ModelFiles.FindMissing, revision, progress, cancellationToken).ConfigureAwait(false);
        if (ModelFiles.FindVisionTower(model.Folder) is not { } tower)
        {
            return [model];
        }

        return
        [
            model,
            await DownloadAsync(HubRepo.Parse(tower), ModelFiles.Select, ModelFiles.FindMissing, "main", progress, cancellationToken).ConfigureAwait(false),
        ];
    }

    /// <summary>Makes one file present and returns its path.</summary>
    /// <exception cref="HubException">It cannot be had, and the cache does not have it either.</exception>
    public async Task<string> DownloadFileAsync(
        HubRepo repo, string file, string revision = "main", IProgress<HubProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        HubNames.RequireRevision(revision);
        HubNames.RequireSafePath(file);
        string? cached = Cache.FindFile(repo, revision, file);
        if (cached is not null && (_settings.Offline || HubNames.IsCommit(revision)))
        {
            return cached;
        }

        if (Cache.FindCommit(repo, revision) is { } known && Cache.IsKnownMissing(repo, known, file) && (_settings.Offline || HubNames.IsCommit(revision)))
        {
            throw new HubException(HubFailure.FileNotFound, $"{repo} has no file '{file}' at revision '{revision}'.");
        }

        if (_settings.Offline)
        {
            throw HubErrors.Offline(repo, revision);
        }

        try
        {
            return await FetchAsync(repo, revision, file, listed: null, progress, cancellationToken).ConfigureAwait(false);
        }
        catch (HubException e) when (cached is not null && MayUseCache(e))
        {
            return cached;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<HubSnapshot> DownloadAsync(
        HubRepo repo,
        Func<IReadOnlyList<string>, IReadOnlyList<string>> select,
        Func<string, IReadOnlyList<string>> findMissing,
        string revision,
        IProgress<HubProgress>? progress,
        CancellationToken cancellationToken)
    {
        HubNames.RequireRevision(revision);
        if (HubNames.IsCommit(revision) && FromTree(repo, revision, select) is (string folder, []))
        {
            return new HubSnapshot(repo, revision, folder);
        }

        if (_settings.Offline)
        {
            return FromCache(repo, revision, select, findMissing, "offline mode is on") ?? throw HubErrors.Offline(repo, revision);
        }

        try
        {
            (string commit, IReadOnlyList<HubFileEntry> files) = await _http.ListAsync(repo, revision, cancellationToken).ConfigureAwait(false);
            IReadOnlyList<string> selected = select([.. files.Select(f => f.Path)]);
            if (selected.Count == 0)
            {
                throw new HubException(
                    HubFailure.FileNotFound, $"{repo} at revision '{revision}' has none of the files a model needs (config.json and weights).");
            }

            PrepareCache();
            HubTree.Write(Cache.TreePath(repo, commit), files);
            await FetchAllAsync(repo, commit, [.. files.IntersectBy(selected, f => f.Path)], progress, cancellationToken).ConfigureAwait(false);
            Cache.WriteRef(repo, revision, commit);
            return new HubSnapshot(repo, commit, Cache.SnapshotFolder(repo, commit));
        }
        catch (HubException e) when (MayUseCache(e))
        {
            if (FromCache(repo, revision, select, findMissing, "the hub cannot be asked: " + e.Message.TrimEnd('.')) is not { } cached)
            {
                throw;
            }

            return cached with { Warning = $"Using the cached copy of {repo}: {e.Message}" };
        }
    }

    private void PrepareCache()
    {
        try
        {
            Cache.Prepare();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HubErrors.Disk(_settings, e);
        }
    }

    private Task FetchAllAsync(
        HubRepo repo, string commit, IReadOnlyList<HubFileEntry> files, IProgress<HubProgress>? progress, CancellationToken cancellationToken)
    {
        ParallelOptions options = new ParallelOptions { MaxDegreeOfParallelism = ParallelFiles, CancellationToken = cancellationToken };
        return Parallel.ForEachAsync(files, options, async (file, token) =>
        {
            bool isCached = HubCache.IsThere(Path.Combine(Cache.SnapshotFolder(repo, commit), file.Path));
            if (!isCached && file.Etag is { } etag && HubNames.IsEtag(etag) && HubCache.IsThere(Cache.BlobPath(repo, etag)))
            {
                using IDisposable held = await HubLock.AcquireAsync(Cache.LockPath(repo, etag), token).ConfigureAwait(false);
                isCached = HubCache.IsThere(Cache.BlobPath(repo, etag)) && HubCache.IsThere(Cache.Link(repo, commit, file.Path, etag));
            }

            if (isCached)
            {
                progress?.Report(new HubProgress(repo.ToString(), file.Path, file.Size ?? 0, file.Size, IsDone: true));
                return;
            }

            await FetchAsync(repo, commit, file.Path, file, progress, token).ConfigureAwait(false);
        });
    }

    private async Task<string> FetchAsync(
        HubRepo repo, string revision, string file, HubFileEntry? listed, IProgress<HubProgress>? progress, CancellationToken cancellationToken)
    {
        try
        {
            return await FetchFileAsync(repo, revision, file, listed, progress, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HubErrors.Disk(_settings, e);
        }
    }

    private async Task<string> FetchFileAsync(
        HubRepo repo, string revision, string file, HubFileEntry? listed, IProgress<HubProgress>? progress, CancellationToken cancellationToken)
    {
        HubFileInfo info;
        try
        {
            info = Agreed(await _http.HeadAsync(repo, revision, file, cancellationToken).ConfigureAwait(false), $"{repo}/{file}", revision, listed);
        }
        catch (HubException e) when (e.Commit is not null)
        {
            Cache.MarkMissing(repo, e.Commit, file);
            Cache.WriteRef(repo, revision, e.Commit);
            throw;
        }

        Cache.Prepare();
        Cache.WriteRef(repo, revision, info.Commit);
        using (await HubLock.AcquireAsync(Cache.LockPath(repo, info.Etag), cancellationToken).ConfigureAwait(false))
        {
            string blob = Cache.BlobPath(repo, info.Etag);
            string path = Path.Combine(Cache.SnapshotFolder(repo, info.Commit), file);
            if (!HubCache.IsThere(path))
            {
                if (!HubCache.IsThere(blob))
                {
                    await FetchBlobAsync(repo, file, info, blob, progress, cancellationToken).ConfigureAwait(false);
                }

                Cache.Link(repo, info.Commit, file, info.Etag);
            }

            long size = info.Size ?? new FileInfo(path).Length;
            progress?.Report(new HubProgress(repo.ToString(), file, size, size, IsDone: true));
            return path;
        }
    }

    // What the hub says of a file must be what it said of the commit: the size it listed, the content it listed, and no other commit.
    private static HubFileInfo Agreed(HubFileInfo info, string name, string revision, HubFileEntry? listed)
    {
        if (HubNames.IsCommit(revision) && info.Commit != revision)
        {
            throw new HubException(
                HubFailure.BadAnswer, $"The hub was asked for {name} at {revision[..12]} and answers for the commit {info.Commit[..12]}; nothing was written.");
        }

        bool isHash = HubNames.IsSha256(info.Etag) || HubNames.IsGitHash(info.Etag);
        if ((isHash && listed?.Etag is { } etag && etag != info.Etag) || (listed?.Size is { } size && info.Size is { } told && size != told))
        {
            throw new HubException(
                HubFailure.BadAnswer,
                $"The hub lists {name} with {listed.Size} bytes and the hash {listed.Etag?[..Math.Min(12, listed.Etag.Length)]} and answers for it with "
                + $"{info.Size} bytes and {info.Etag[..Math.Min(12, info.Etag.Length)]}; nothing was written, try again.");
        }

        return info with { Size = info.Size ?? listed?.Size };
    }

    private async Task FetchBlobAsync(
        HubRepo repo, string file, HubFileInfo info, string blob, IProgress<HubProgress>? progress, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(blob)!);
        string partial = blob + ".aperture.incomplete"; // Of our own name: the other tools' partial files are not for us to go on with.
        progress?.Report(new HubProgress(repo.ToString(), file, 0, info.Size, IsDone: false));
        using HubTransfer transfer = new HubTransfer(
            _http, _settings, info, $"{repo}/{file}", bytes => progress?.Report(new HubProgress(repo.ToString(), file, bytes, info.Size, IsDone: false)));
        await transfer.FetchAsync(partial, cancellationToken).ConfigureAwait(false);
        File.Move(partial, blob, overwrite: true);
    }

    private HubSnapshot? FromCache(
        HubRepo repo, string revision, Func<IReadOnlyList<string>, IReadOnlyList<string>> select, Func<string, IReadOnlyList<string>> findMissing,
        string reason)
    {
        if (Cache.FindCommit(repo, revision) is not { } commit || Cache.Find(repo, commit) is not { } folder)
        {
            return null;
        }

        // Older tools leave no list of files: what is there has to speak for itself.
        IReadOnlyList<string> missing = FromTree(repo, commit, select)?.Missing ?? findMissing(folder);
        return missing.Count == 0 ? new HubSnapshot(repo, commit, folder) : throw HubErrors.Incomplete(repo, missing, reason);
    }

    private (string Folder, IReadOnlyList<string> Missing)? FromTree(HubRepo repo, string commit, Func<IReadOnlyList<string>, IReadOnlyList<string>> select)
    {
        if (HubTree.Read(Cache.TreePath(repo, commit)) is not { } files)
        {
            return null;
        }

        string folder = Cache.SnapshotFolder(repo, commit);
        return (folder, [.. select([.. files.Select(f => f.Path)]).Where(f => !HubCache.IsThere(Path.Combine(folder, f)))]);
    }

    private static IReadOnlyList<string> FilesIn(string folder) =>
        [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(HubCache.IsThere).Select(f => Path.GetRelativePath(folder, f))];

    private static bool MayUseCache(HubException e) =>
        e.Failure is not (HubFailure.RevisionNotFound or HubFailure.FileNotFound or HubFailure.Incomplete or HubFailure.Damaged or HubFailure.Disk);
}
