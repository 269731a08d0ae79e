namespace Aperture.Hub;

/// <summary>How far one file is.</summary>
/// <param name="Repo">The repository.</param>
/// <param name="File">Its path in the repository.</param>
/// <param name="Bytes">Bytes there now; may fall when a download starts over.</param>
/// <param name="Size">Bytes in all, or null when the hub did not say.</param>
/// <param name="IsDone">Whether the file lies in the snapshot.</param>
public sealed record HubProgress(string Repo, string File, long Bytes, long? Size, bool IsDone);
