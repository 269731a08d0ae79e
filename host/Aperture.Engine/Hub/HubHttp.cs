using System.Net;
using System.Net.Http.Headers;
using System.Reflection;
using Aperture.Pipelines;

namespace Aperture.Hub;

/// <summary>Requests to the hub: the token goes to the hub's own host only, redirects are followed here, and failures become one clear line.</summary>
internal sealed class HubHttp : IDisposable
{
    private const int MaxRedirects = 10;

    /// <summary>The largest list of files that is read, after decoding; the largest published ones have a tenth of it.</summary>
    private const long LargestList = 64L << 20;

    private readonly HubSettings _settings;
    private readonly Uri _endpoint;
    private readonly HttpClient _client = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        ConnectTimeout = TimeSpan.FromSeconds(10),
    })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    public HubHttp(HubSettings settings)
    {
        _settings = settings;
        _endpoint = new Uri(settings.Endpoint + "/");
        string version = typeof(HubHttp).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";
        _client.DefaultRequestHeaders.TryAddWithoutValidation("User-Agent", $"aperture/{version}; dotnet/{Environment.Version}");
    }

    /// <summary>The address of a file of a revision.</summary>
    public Uri FileUri(HubRepo repo, string revision, string file) =>
        new(_endpoint, $"{repo}/resolve/{Uri.EscapeDataString(revision)}/{string.Join('/', file.Split('/').Select(Uri.EscapeDataString))}");

    /// <summary>Asks what a file is, without its bytes.</summary>
    public async Task<HubFileInfo> HeadAsync(HubRepo repo, string revision, string file, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await SendAsync(
            HttpMethod.Head, FileUri(repo, revision, file), 0, followToOtherHosts: false, _settings.EtagTimeout, cancellationToken).ConfigureAwait(false);
        string commit = Header(response, "X-Repo-Commit") ?? "";
        bool isRedirect = IsRedirect(response.StatusCode);
        if (!response.IsSuccessStatusCode && !isRedirect)
        {
            throw HubErrors.FromResponse(response, repo, revision, file, _settings);
        }

        string etag = CleanEtag(Header(response, "X-Linked-Etag") ?? Header(response, "ETag"));
        if (!HubNames.IsCommit(commit) || !HubNames.IsEtag(etag))
        {
            throw new HubException(
                HubFailure.BadAnswer,
                $"{_endpoint.Host} answered for {repo}/{file} without a commit and an etag; a proxy in between may have dropped the headers (HF_ENDPOINT "
                + "names another address).");
        }

        bool isEncoded = response.Content.Headers.ContentEncoding.Count > 0;
        long? size = long.TryParse(Header(response, "X-Linked-Size"), out long linked) && linked >= 0
            ? linked
            : isRedirect || isEncoded ? null : response.Content.Headers.ContentLength;
        return new HubFileInfo(commit, etag, size, FileUri(repo, commit, file));
    }

    /// <summary>Asks the hub's API for a revision and its files.</summary>
    public async Task<(string Commit, IReadOnlyList<HubFileEntry> Files)> ListAsync(HubRepo repo, string revision, CancellationToken cancellationToken)
    {
        Uri address = new Uri(_endpoint, $"api/{repo.ApiName}/{repo.Id}/revision/{Uri.EscapeDataString(revision)}?blobs=true");
        using HttpResponseMessage response = await SendAsync(HttpMethod.Get, address, 0, followToOtherHosts: true, _settings.EtagTimeout, cancellationToken)
            .ConfigureAwait(false);
        if (!response.IsSuccessStatusCode)
        {
            throw HubErrors.FromResponse(response, repo, revision, file: null, _settings);
        }

        using Stream body = await HubBody.OpenAsync(response, cancellationToken).ConfigureAwait(false);
        using MemoryStream buffer = new MemoryStream();
        try
        {
            await HubBody.CopyAsync(body, buffer, LargestList, _settings.DownloadTimeout, cancellationToken).ConfigureAwait(false);
            return HubTree.ParseAnswer(buffer.GetBuffer().AsMemory(0, (int)buffer.Length));
        }
        catch (Exception e) when (e is IOException or TimeoutException)
        {
            throw HubErrors.Unreachable(_settings, e);
        }
        catch (Exception e) when (e is System.Text.Json.JsonException or InvalidDataException)
        {
            throw new HubException(
                HubFailure.BadAnswer,
                $"{_endpoint.Host} answered for {repo} with something that is no list of files: {e.Message}; try again later, or check HF_ENDPOINT.", e);
        }
    }

    /// <summary>Starts a download at a byte; the caller reads the body.</summary>
    public Task<HttpResponseMessage> GetAsync(Uri source, long from, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Get, source, from, followToOtherHosts: true, _settings.DownloadTimeout, cancellationToken);

    public void Dispose() => _client.Dispose();

    private async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, Uri address, long from, bool followToOtherHosts, TimeSpan timeout, CancellationToken cancellationToken)
    {
        for (int hop = 0; hop <= MaxRedirects; hop++)
        {
            HttpResponseMessage response = await SendOnceAsync(method, address, from, timeout, cancellationToken).ConfigureAwait(false);
            if (!IsRedirect(response.StatusCode) || (!followToOtherHosts && !IsRelativeRedirect(response)))
            {
                return response;
            }

            address = Target(response);
            response.Dispose();
        }

        throw new HubException(HubFailure.BadAnswer, $"{address.Host} redirects in a circle (more than {MaxRedirects} times).");
    }

    private async Task<HttpResponseMessage> SendOnceAsync(HttpMethod method, Uri address, long from, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new HttpRequestMessage(method, address);
        request.Headers.TryAddWithoutValidation("Accept-Encoding", "identity");
        if (from > 0)
        {
            request.Headers.Range = new RangeHeaderValue(from, null);
        }

        if (_settings.Token is { } token && IsSameOrigin(address, _endpoint))
        {
            request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
        }

        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(timeout);
        try
        {
            return await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token).ConfigureAwait(false);
        }
        catch (HttpRequestException e)
        {
            throw HubErrors.Unreachable(_settings, e, address.Host);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw HubErrors.Unreachable(_settings, new TimeoutException($"no answer in {timeout.TotalSeconds:0.#} s", e), address.Host);
        }
    }

    private static bool IsSameOrigin(Uri a, Uri b) => a.Scheme == b.Scheme && a.IdnHost == b.IdnHost && a.Port == b.Port;

    private static bool IsRedirect(HttpStatusCode status) => (int)status is 301 or 302 or 303 or 307 or 308;

    private static bool IsRelativeRedirect(HttpResponseMessage response) =>
        Header(response, "Location") is { } location && location.StartsWith('/') && !location.StartsWith("//", StringComparison.Ordinal);

    private static Uri Target(HttpResponseMessage response)
    {
        bool isUri = Uri.TryCreate(response.RequestMessage!.RequestUri!, Header(response, "Location"), out Uri? target);
        return isUri && (target!.Scheme == Uri.UriSchemeHttp || target.Scheme == Uri.UriSchemeHttps)
            ? target
            : throw new HubException(HubFailure.BadAnswer, $"{response.RequestMessage.RequestUri!.Host} redirects to no address.");
    }

    private static string CleanEtag(string? etag)
    {
        string text = etag?.Trim() ?? "";
        return (text.StartsWith("W/", StringComparison.Ordinal) ? text[2..] : text).Trim('"');
    }

    private static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out IEnumerable<string>? values) ? values.FirstOrDefault() : null;
}
