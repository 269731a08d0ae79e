namespace Aperture.Hub;

/// <summary>A revision of a repository on this machine.</summary>
/// <param name="Repo">The repository.</param>
/// <param name="Commit">The commit that the revision means.</param>
/// <param name="Folder">The folder with the files.</param>
/// <param name="Warning">Why the hub was not asked although it should have been (one line), or null.</param>
public sealed record HubSnapshot(HubRepo Repo, string Commit, string Folder, string? Warning = null);
