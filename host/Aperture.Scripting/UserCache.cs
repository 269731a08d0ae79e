namespace Aperture.Scripting;

/// <summary>The user's cache folder: <c>$XDG_CACHE_HOME/aperture</c>, or <c>~/.cache/aperture</c>.</summary>
internal static class UserCache
{
    /// <summary>A folder in it.</summary>
    /// <param name="name">The folder's name.</param>
    public static string Folder(string name) => Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache
            ? cache
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"),
        "aperture",
        name);
}
