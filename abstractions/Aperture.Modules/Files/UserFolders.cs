namespace Aperture.Files;

/// <summary>
/// The user's own folders, by the variables of the XDG specification and below the home folder. Never one below the working folder: where there is no home
/// folder there is none of these, and who wants one does without or says so.
/// </summary>
public static class UserFolders
{
    /// <summary>The home folder: what HOME says, else the system's list of users; null where neither gives a full path of a folder that is there.</summary>
    public static string? Home => Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) is { Length: > 0 } home && Path.IsPathFullyQualified(home)
        && Directory.Exists(home) ? home : null;

    /// <summary>Where caches lie: <c>$XDG_CACHE_HOME</c>, or <c>~/.cache</c>; null where there is no home folder.</summary>
    public static string? Cache => Of("XDG_CACHE_HOME", ".cache");

    /// <summary>Where settings lie: <c>$XDG_CONFIG_HOME</c>, or <c>~/.config</c>; null where there is no home folder.</summary>
    public static string? Configuration => Of("XDG_CONFIG_HOME", ".config");

    /// <summary>Where data lie: <c>$XDG_DATA_HOME</c>, or <c>~/.local/share</c>; null where there is no home folder.</summary>
    public static string? Data => Of("XDG_DATA_HOME", ".local", "share");

    /// <summary>Where histories lie: <c>$XDG_STATE_HOME</c>, or <c>~/.local/state</c>; null where there is no home folder.</summary>
    public static string? State => Of("XDG_STATE_HOME", ".local", "state");

    /// <summary>A path below one of these folders.</summary>
    /// <param name="folder">The folder; null where there is none.</param>
    /// <param name="parts">The parts below it.</param>
    /// <returns>The path; null where there is no folder.</returns>
    public static string? Below(string? folder, params string[] parts) => folder is null ? null : Path.Combine([folder, .. parts]);

    // The specification has relative paths ignored.
    private static string? Of(string variable, params string[] belowHome)
        => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } named && Path.IsPathFullyQualified(named) ? named : Below(Home, belowHome);
}
