namespace Aperture.Hub;

/// <summary>Finds a model's folder on this machine by what a user writes for it. Downloads nothing.</summary>
public sealed class ModelLocator
{
    private readonly IReadOnlyList<string> _shippedFolders;
    private readonly HubCache _cache;

    /// <summary>Creates a locator.</summary>
    /// <param name="cache">Where downloaded models lie.</param>
    /// <param name="shippedFolders">Folders with one folder per shipped model; the application's <c>scripts/models</c> by default.</param>
    public ModelLocator(HubCache cache, IReadOnlyList<string>? shippedFolders = null)
    {
        _cache = cache;
        _shippedFolders = shippedFolders ?? [Path.Combine(AppContext.BaseDirectory, "scripts", "models")];
    }

    /// <summary>The names of the models that come with the application.</summary>
    public IReadOnlyList<string> ShippedModels => Shipped(folder => IsModel(folder) && !IsTask(folder));

    /// <summary>The names of the checkpoints of tasks that come with the application.</summary>
    public IReadOnlyList<string> ShippedTasks => Shipped(IsTask);

    /// <summary>The folder of a model.</summary>
    /// <param name="idOrFolder">A folder, the name of a shipped model, or a hub id, optionally with <c>@revision</c>.</param>
    /// <exception cref="ApertureException">There is none, or it is not whole; the message says how to fetch it.</exception>
    public string Resolve(string idOrFolder)
    {
        if (Directory.Exists(idOrFolder))
        {
            return Path.GetFullPath(idOrFolder); // what it holds is for the model families to say
        }

        if (HubNames.IsSafePath(idOrFolder)
            && _shippedFolders.Select(f => Path.Combine(f, idOrFolder)).FirstOrDefault(folder => IsModel(folder) || IsTask(folder)) is { } shipped)
        {
            return Path.GetFullPath(shipped);
        }

        string[] parts = idOrFolder.Split('@', 2);
        if (!HubRepo.IsId(parts[0]))
        {
            throw new ApertureException($"There is no model '{idOrFolder}': it is neither a folder nor a hub id (organisation/name).{Shipped()}");
        }

        HubRepo repo = HubRepo.Parse(parts[0]);
        string? folder = _cache.Find(repo, parts.Length > 1 ? HubNames.RequireRevision(parts[1]) : "main");
        if (folder is null)
        {
            throw new ApertureException($"There is no model '{idOrFolder}' on this machine; fetch it with: aperture pull {idOrFolder}.{Shipped()}");
        }

        IReadOnlyList<string> missing = ModelFiles.FindMissing(folder);
        return missing.Count == 0 ? folder : throw HubErrors.Incomplete(repo, missing, "it cannot be used");
    }

    /// <summary>The folder of a model; null where <see cref="Resolve"/> finds none.</summary>
    /// <param name="idOrFolder">As <see cref="Resolve"/> takes it.</param>
    internal string? Find(string idOrFolder)
    {
        try
        {
            return Resolve(idOrFolder);
        }
        catch (ApertureException)
        {
            return null; // whoever looks among open models says what there is
        }
    }

    private IReadOnlyList<string> Shipped(Func<string, bool> counts) =>
    [
        .. _shippedFolders.Where(Directory.Exists).SelectMany(Directory.EnumerateDirectories).Where(counts)
            .Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal),
    ];

    private string Shipped() => ShippedModels is { Count: > 0 } names ? $" Models that come with the application: {string.Join(", ", names)}." : "";

    private static bool IsTask(string folder) => File.Exists(Path.Combine(folder, Tasks.TaskSettings.FileName));

    private static bool IsModel(string folder) => File.Exists(Path.Combine(folder, "config.json")) || File.Exists(Path.Combine(folder, "model_index.json"));
}
