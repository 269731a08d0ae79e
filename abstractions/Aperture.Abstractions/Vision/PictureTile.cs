namespace Aperture.Vision;

/// <summary>What an entry of an encoder's batch shows.</summary>
/// <param name="Image">The picture: its place among the pictures of the request, from 0.</param>
/// <param name="Tile">The tile of that picture, from 0; 0 where a picture is one tile.</param>
public readonly record struct PictureTile(int Image, int Tile);
