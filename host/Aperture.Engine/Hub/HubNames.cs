using System.Text.RegularExpressions;

namespace Aperture.Hub;

/// <summary>Checks the names that come from the hub (or whoever answers in its place) before they become paths.</summary>
internal static partial class HubNames
{
    public static bool IsCommit(string text) => Commit().IsMatch(text);

    /// <summary>Whether an etag has the form of git's hash of a file.</summary>
    public static bool IsGitHash(string text) => Commit().IsMatch(text);

    public static bool IsSha256(string text) => Sha256().IsMatch(text);

    public static bool IsEtag(string text) => Etag().IsMatch(text);

    /// <summary>Whether a path stays inside the folder it is put in.</summary>
    public static bool IsSafePath(string path) =>
        path.Length is > 0 and < 1024
        && !path.Any(c => char.IsControl(c) || c == '\\')
        && path.Split('/').All(part => part is not ("" or "." or ".."));

    public static string RequireSafePath(string path) =>
        IsSafePath(path)
            ? path
            : throw new HubException(HubFailure.BadAnswer, $"The hub names a file '{Plain(path)}', which would lie outside its folder; nothing was written.");

    private static string Plain(string path) => string.Concat(path.Take(100).Select(c => char.IsControl(c) ? '\uFFFD' : c));

    public static string RequireRevision(string revision) =>
        IsSafePath(revision) ? revision : throw new ApertureException($"'{revision}' is not a revision; give a branch, a tag or a commit.");

    [GeneratedRegex(@"^[0-9a-f]{40}\z")]
    private static partial Regex Commit();

    [GeneratedRegex(@"^[0-9a-f]{64}\z")]
    private static partial Regex Sha256();

    [GeneratedRegex(@"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}\z")]
    private static partial Regex Etag();
}
