namespace Aperture.Hub;

/// <summary>Why something could not be had from the hub.</summary>
public enum HubFailure
{
    /// <summary>No such repository, or a private one and no accepted token.</summary>
    RepositoryNotFound,

    /// <summary>The repository has no such branch, tag or commit.</summary>
    RevisionNotFound,

    /// <summary>The revision has no such file.</summary>
    FileNotFound,

    /// <summary>The token is missing or may not read the repository, or its terms were not accepted.</summary>
    AccessDenied,

    /// <summary>Too many requests.</summary>
    RateLimited,

    /// <summary>No connection, a time-out, a broken answer or a failing server.</summary>
    Network,

    /// <summary>Offline mode is on and the cache does not have it.</summary>
    Offline,

    /// <summary>The cached snapshot lacks files and the hub cannot be asked for them.</summary>
    Incomplete,

    /// <summary>What was downloaded is not what the hub announced.</summary>
    Damaged,

    /// <summary>The cache cannot be written: no space, no permission.</summary>
    Disk,

    /// <summary>The answer is not one a hub gives (a proxy's page, a missing header, a path that leaves the cache).</summary>
    BadAnswer,
}
