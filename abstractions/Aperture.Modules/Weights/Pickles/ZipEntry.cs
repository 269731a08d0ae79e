namespace Aperture.Weights;

/// <summary>One entry of an archive's directory.</summary>
internal sealed record ZipEntry(string Name, int Method, int Flags, long Length, long StoredLength, long HeaderOffset);
