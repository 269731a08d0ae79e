using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Aperture.Hub;
using Aperture.Requests;

namespace Aperture.Host.Tests.Hub;

/// <summary>A hub with repositories in memory, a cache folder of its own, and a hook to answer some requests differently.</summary>
internal sealed class FakeHub : IDisposable
{
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";
    private readonly Dictionary<(string Repo, string File), (byte[] Content, bool IsLfs)> _files = [];

    public FakeHub()
    {
        Folder = Directory.CreateTempSubdirectory("aperture-hub-").FullName;
        Server = new LoopbackServer(Answer);
    }

    public string Folder { get; }

    public LoopbackServer Server { get; }

    /// <summary>Answers instead of the hub when it returns something.</summary>
    public Func<LoopbackServer.Request, LoopbackServer.Reply?> Override { get; set; } = _ => null;

    public HubSettings Settings => new()
    {
        Endpoint = Server.Address,
        CacheFolder = Path.Combine(Folder, "hub"),
        Token = "secret",
        RetryDelay = TimeSpan.FromMilliseconds(1),
    };

    public string RepoFolder => Path.Combine(Folder, "hub", "models--org--model");

    public IEnumerable<LoopbackServer.Request> Downloads => Server.Requests.Where(r => r.Method == "GET" && r.Path.Contains("/resolve/"));

    public static string Sha256(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

#pragma warning disable CA5350 // Git names its objects by SHA-1.
    public static string GitHash(byte[] content) =>
        Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes($"blob {content.Length}\0"), .. content]));
#pragma warning restore CA5350

    public static byte[] Bytes(int length, int seed = 1)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public FakeHub Add(string file, byte[] content, bool isLfs = false, string repo = "org/model")
    {
        _files[(repo, file)] = (content, isLfs);
        return this;
    }

    public FakeHub Add(string file, string content, string repo = "org/model") => Add(file, Encoding.UTF8.GetBytes(content), repo: repo);

    public LoopbackServer.Reply Answer(LoopbackServer.Request request)
    {
        if (Override(request) is { } other)
        {
            return other;
        }

        string[] parts = request.Path.Split('?')[0].Trim('/').Split('/');
        if (parts[0] == "api")
        {
            return List($"{parts[2]}/{parts[3]}", parts[5]);
        }

        string repo = $"{parts[0]}/{parts[1]}";
        string file = Uri.UnescapeDataString(string.Join('/', parts.Skip(4)));
        return _files.TryGetValue((repo, file), out (byte[] Content, bool IsLfs) found)
            ? File(found.Content, found.IsLfs, request.From)
            : Error(404, "EntryNotFound");
    }

    public static LoopbackServer.Reply File(byte[] content, bool isLfs, long from) => new(from > 0 ? 206 : 200, content[(int)from..])
    {
        Headers = Headers(content, isLfs).Concat(from > 0 ? [new("Content-Range", $"bytes {from}-{content.Length - 1}/{content.Length}")] : [])
            .ToDictionary(p => p.Key, p => p.Value),
    };

    public static Dictionary<string, string> Headers(byte[] content, bool isLfs) => new()
    {
        ["X-Repo-Commit"] = Commit,
        [isLfs ? "X-Linked-Etag" : "ETag"] = $"\"{(isLfs ? Sha256(content) : GitHash(content))}\"",
        [isLfs ? "X-Linked-Size" : "X-Test"] = $"{content.Length}",
    };

    public static LoopbackServer.Reply Error(int status, string? code = null) => new(status, [])
    {
        Headers = code is null ? [] : new() { ["X-Error-Code"] = code, ["X-Repo-Commit"] = Commit },
    };

    public void Dispose()
    {
        Server.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private LoopbackServer.Reply List(string repo, string revision)
    {
        List<KeyValuePair<(string Repo, string File), (byte[] Content, bool IsLfs)>> files = _files.Where(f => f.Key.Repo == repo).ToList();
        if (files.Count == 0)
        {
            return Error(404, "RepoNotFound");
        }

        if (revision is not ("main" or Commit))
        {
            return Error(404, "RevisionNotFound");
        }

        string siblings = string.Join(',', files.Select(f => JsonSerializer.Serialize(new
        {
            rfilename = f.Key.File,
            size = f.Value.Content.Length,
            blobId = GitHash(f.Value.Content),
            lfs = f.Value.IsLfs ? new { sha256 = Sha256(f.Value.Content), size = f.Value.Content.Length } : null,
        })));
        return new LoopbackServer.Reply(200, Encoding.UTF8.GetBytes($$"""{"sha":"{{Commit}}","siblings":[{{siblings}}]}"""));
    }
}
