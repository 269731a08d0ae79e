using Aperture.Images;

namespace Aperture.Host;

/// <summary>The scripts' <c>Images</c>.</summary>
/// <param name="folder">Where relative paths start.</param>
public sealed class ImageGlobals(string folder)
{
    /// <summary>Opens a picture: PNG, JPEG, WebP, GIF, BMP, TIFF, TGA or PPM. Orientation in EXIF is reported, not applied.</summary>
    /// <param name="path">The file; a relative path is looked for beside the script, then in the current folder.</param>
    public Image Load(string path)
    {
        string beside = Path.Combine(folder, path);
        return Image.Load(File.Exists(beside) ? beside : path);
    }

    /// <summary>Opens a picture that comes with the command, from wherever the script lies: <c>shelf</c>.</summary>
    /// <param name="name">Its name without extension.</param>
    /// <exception cref="ApertureException">There is none of that name; those there are are listed.</exception>
    public Image Sample(string name) => Image.Load(SampleFiles.Picture(name));
}
