namespace Aperture.Hub;

/// <summary>What the hub says about a file before it is downloaded.</summary>
/// <param name="Commit">The commit that the revision means.</param>
/// <param name="Etag">The name of its blob: a SHA-256 for large storage, git's hash otherwise.</param>
/// <param name="Size">Its size in bytes, or null if unknown.</param>
/// <param name="Source">Its address at that commit; the hub redirects from there to its storage, each time with a fresh signature.</param>
internal sealed record HubFileInfo(string Commit, string Etag, long? Size, Uri Source);
