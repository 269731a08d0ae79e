namespace Aperture.Engine;

/// <summary>Finds the folder of a vision tower that a checkpoint names but does not contain.</summary>
internal static class TowerFolders
{
    /// <summary>The tower's folder: inside the checkpoint, or beside it.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <param name="tower">What the configuration names, such as <c>openai/clip-vit-large-patch14-336</c>.</param>
    /// <exception cref="ApertureException">It is nowhere.</exception>
    public static string Find(string folder, string? tower)
    {
        if (string.IsNullOrWhiteSpace(tower))
        {
            throw new ApertureException($"The checkpoint '{folder}' holds no vision tower and config.json names none (mm_vision_tower); give its folder as the tower option.");
        }

        string shortName = tower[(tower.LastIndexOf('/') + 1)..];
        string parent = Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))) ?? folder;
        string[] places = [tower, Path.Combine(folder, "clip"), Path.Combine(folder, shortName), Path.Combine(parent, shortName)];
        return places.FirstOrDefault(Directory.Exists)
            ?? throw new ApertureException($"The vision tower '{tower}' of '{folder}' is neither in nor beside the folder; fetch it with 'aperture pull {tower}' or give its folder as the tower option.");
    }
}
