using System.Net;
using Aperture.Pipelines;

namespace Aperture.Hub;

/// <summary>One clear line for each way a request can fail.</summary>
internal static class HubErrors
{
    public static HubException FromResponse(HttpResponseMessage response, HubRepo repo, string revision, string? file, HubSettings settings)
    {
        string code = Header(response, "X-Error-Code") ?? "";
        string token = settings.Token is null ? "set HF_TOKEN to a token that may read it" : "the token in use may not read it";
        return (int)response.StatusCode switch
        {
            401 => new HubException(
                code == "GatedRepo" ? HubFailure.AccessDenied : HubFailure.RepositoryNotFound,
                code == "GatedRepo" ? Gated(repo, settings) : $"{repo} does not exist on {Host(settings)}, or it is private: {token} (401)."),
            403 => new HubException(
                HubFailure.AccessDenied, code == "GatedRepo" ? Gated(repo, settings) : $"{Host(settings)} refuses access to {repo}: {token} (403)."),
            404 when code == "RepoNotFound" || (file is null && code.Length == 0) =>
                new HubException(
                    HubFailure.RepositoryNotFound, $"{repo} does not exist on {Host(settings)}; check the spelling, or {token} if it is private (404)."),
            404 when code == "RevisionNotFound" => new HubException(HubFailure.RevisionNotFound, $"{repo} has no revision '{revision}' (404)."),
            404 => new HubException(HubFailure.FileNotFound, $"{repo} has no file '{file}' at revision '{revision}' (404).")
            {
                Commit = Header(response, "X-Repo-Commit") is { } commit && HubNames.IsCommit(commit) ? commit : null,
            },
            429 => new HubException(
                HubFailure.RateLimited, $"{Host(settings)} limits requests from here{RetryAfter(response)}; a token in HF_TOKEN raises the limit (429)."),
            int status
                => new HubException(
                    HubFailure.Network,
                    $"{Host(settings)} failed for {repo}{(file is null ? "" : "/" + file)} ({status} {response.ReasonPhrase}); try again later."),
        };
    }

    public static HubException Unreachable(HubSettings settings, Exception cause, string? host = null) =>
        new(
            HubFailure.Network,
            $"{host ?? Host(settings)} cannot be reached ({Innermost(cause)}); check the connection, or HF_ENDPOINT if you use a mirror.",
            cause);

    public static HubException Offline(HubRepo repo, string revision) =>
        new(HubFailure.Offline, $"{repo} at revision '{revision}' is not in the cache and offline mode is on; unset HF_HUB_OFFLINE and run: aperture pull "
            + $"{repo}");

    public static HubException Incomplete(HubRepo repo, IReadOnlyList<string> missing, string reason) =>
        new(HubFailure.Incomplete, $"The cached copy of {repo} lacks {missing.Count} file(s) "
            + $"({string.Join(", ", missing.Take(3))}{(missing.Count > 3 ? ", …" : "")}) and {reason}; run: aperture pull {repo}");

    public static HubException Disk(HubSettings settings, Exception cause) =>
        new(
            HubFailure.Disk,
            $"The cache {settings.CacheFolder} cannot be written ({Innermost(cause)}); make room or set HF_HUB_CACHE to another folder.",
            cause);

    private static string Gated(HubRepo repo, HubSettings settings) =>
        $"{repo} is gated: accept its terms at {settings.Endpoint}/{repo} and set HF_TOKEN to a token of that account.";

    private static string Host(HubSettings settings) => new Uri(settings.Endpoint).Host;

    private static string RetryAfter(HttpResponseMessage response) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => $"; try again in {delta.TotalSeconds:0} s",
        { Date: { } date } => $"; try again at {date:u}",
        _ => "; try again later",
    };

    private static string Innermost(Exception exception)
    {
        Exception e = exception;
        while (e.InnerException is { } inner && e is not TimeoutException)
        {
            e = inner;
        }

        return e.Message.ReplaceLineEndings(" ").TrimEnd('.');
    }

    private static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out IEnumerable<string>? values) ? values.FirstOrDefault() : null;
}
