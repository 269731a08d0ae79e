namespace Aperture.Vision;

/// <summary>What an entry of an encoder's batch shows.</summary>
/// <param name="Image">The picture: its place among the pictures of its sample's prompt, from 0.</param>
/// <param name="Tile">The tile of that picture, from 0; 0 where a picture is one tile.</param>
public readonly record struct PictureTile(int Image, int Tile)
{
    /// <summary>Index of the sample in the request whose prompt shows the picture; 0 where pictures are seen before they are asked about.</summary>
    public int Sample { get; init; }
}
