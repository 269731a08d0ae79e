using Aperture.Files;

namespace Aperture.Scripting;

/// <summary>The user's cache folder: <c>$XDG_CACHE_HOME/aperture</c>, or <c>~/.cache/aperture</c>.</summary>
internal static class UserCache
{
    /// <summary>A folder in it; null where the user has none.</summary>
    /// <param name="name">The folder's name.</param>
    public static string? Folder(string name) => UserFolders.Below(UserFolders.Cache, "aperture", name);
}
