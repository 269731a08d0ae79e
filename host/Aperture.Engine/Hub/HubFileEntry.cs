namespace Aperture.Hub;

/// <summary>A file in a listing of a commit.</summary>
/// <param name="Path">Its path in the repository.</param>
/// <param name="Size">Its size in bytes, or null if the hub did not say.</param>
/// <param name="BlobId">Git's hash of the file or of its LFS pointer, or null.</param>
/// <param name="LfsSha256">The SHA-256 of a file in large storage, or null.</param>
internal sealed record HubFileEntry(string Path, long? Size, string? BlobId, string? LfsSha256)
{
    /// <summary>The name of its blob in the cache.</summary>
    public string? Etag => LfsSha256 ?? BlobId;
}
