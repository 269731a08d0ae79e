using Aperture.Files;

namespace Aperture.Hub;

/// <summary>Where the hub is, where its cache is and how to talk to it. The environment variables are those of the hub's own tools.</summary>
public sealed record HubSettings
{
    // Stands for a home folder that is not there: nothing is found below it, and who writes there is told so with its name.
    private const string Nowhere = "/nonexistent";

    /// <summary>The hub's address, without a trailing slash (<c>HF_ENDPOINT</c>).</summary>
    public string Endpoint { get; init; } = "https://huggingface.co";

    /// <summary>The cache folder (<c>HF_HUB_CACHE</c>, else <c>HF_HOME/hub</c>).</summary>
    public required string CacheFolder { get; init; }

    /// <summary>The access token (<c>HF_TOKEN</c>, else the file <c>HF_TOKEN_PATH</c>), or null.</summary>
    public string? Token { get; init; }

    /// <summary>Use the cache only (<c>HF_HUB_OFFLINE</c>, <c>TRANSFORMERS_OFFLINE</c>).</summary>
    public bool Offline { get; init; }

    /// <summary>Link snapshots to blobs; false stores the files in the snapshot (<c>HF_HUB_DISABLE_SYMLINKS</c>).</summary>
    public bool UseSymlinks { get; init; } = true;

    /// <summary>Draw progress bars (<c>HF_HUB_DISABLE_PROGRESS_BARS</c>).</summary>
    public bool ShowProgress { get; init; } = true;

    /// <summary>How long a question about a file may take (<c>HF_HUB_ETAG_TIMEOUT</c>).</summary>
    public TimeSpan EtagTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a download may stand still (<c>HF_HUB_DOWNLOAD_TIMEOUT</c>).</summary>
    public TimeSpan DownloadTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The wait before the second try; it doubles with each further one.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Reads the environment.</summary>
    /// <param name="variable">Reads one variable; the process's environment by default.</param>
    public static HubSettings FromEnvironment(Func<string, string?>? variable = null)
    {
        Func<string, string?> read = variable ?? Environment.GetEnvironmentVariable;
        string? Value(string name) => read(name) is { } text && text.Trim() is { Length: > 0 } trimmed ? trimmed : null;
        bool IsOn(string name) => Value(name)?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE";
        string userFolder = UserFolders.Home ?? (Value("HOME") is { } named && Path.IsPathFullyQualified(named) ? named : Nowhere);
        string Expand(string path) => path == "~" || path.StartsWith("~/", StringComparison.Ordinal) ? userFolder + path[1..] : path;
        TimeSpan Seconds(string name) => double.TryParse(Value(name), out double s) && s is > 0 and < 1e6 ? TimeSpan.FromSeconds(s) : TimeSpan.FromSeconds(10);

        string home = Value("HF_HOME") is { } own
            ? Expand(own)
            : Path.Combine(Value("XDG_CACHE_HOME") is { } cache ? Expand(cache) : Path.Combine(userFolder, ".cache"), "huggingface");
        string tokenPath = Value("HF_TOKEN_PATH") is { } path ? Expand(path) : Path.Combine(home, "token");
        return new HubSettings
        {
            Endpoint = ReadEndpoint(Value("HF_ENDPOINT")),
            CacheFolder = Value("HF_HUB_CACHE") is { } hub ? Expand(hub) : Path.Combine(home, "hub"),
            Token = IsOn("HF_HUB_DISABLE_IMPLICIT_TOKEN") ? null : Value("HF_TOKEN") ?? ReadToken(tokenPath),
            Offline = IsOn("HF_HUB_OFFLINE") || IsOn("TRANSFORMERS_OFFLINE"),
            UseSymlinks = !IsOn("HF_HUB_DISABLE_SYMLINKS"),
            ShowProgress = !IsOn("HF_HUB_DISABLE_PROGRESS_BARS"),
            EtagTimeout = Seconds("HF_HUB_ETAG_TIMEOUT"),
            DownloadTimeout = Seconds("HF_HUB_DOWNLOAD_TIMEOUT"),
        };
    }

    private static string ReadEndpoint(string? text)
    {
        if (text is null)
        {
            return "https://huggingface.co";
        }

        string endpoint = text.TrimEnd('/');
        bool isAddress = Uri.TryCreate(endpoint, UriKind.Absolute, out Uri? uri) && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps);
        return isAddress ? endpoint : throw new ApertureException($"HF_ENDPOINT is '{text}', which is not an http or https address.");
    }

    private static string? ReadToken(string path)
    {
        string? token = File.Exists(path) ? File.ReadAllText(path).Trim() : null;
        return string.IsNullOrEmpty(token) ? null : token;
    }
}
