using Aperture;
using Aperture.Images;
using Aperture.Models;

namespace MyFamily;

/// <summary>What preprocessor_config.json makes of a picture: SigLIP's square, whatever the aspect ratio. Anything else is refused.</summary>
internal static class MyFamilyPictures
{
    private const string FileName = "preprocessor_config.json", Kind = "SiglipImageProcessor";

    /// <summary>Reads the file.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <param name="side">Side in pixels of the square that the tower takes.</param>
    /// <exception cref="ApertureException">There is none, or it makes of a picture what the tower does not take.</exception>
    public static ClipImageProcessorConfig Parse(ModelFolder folder, int side)
    {
        string where = folder.At(FileName);
        ClipImageProcessorConfig read = ClipImageProcessorConfig.Parse(folder.Json(FileName), where);
        if (new ConfigReader(folder.Json(FileName), where).Text("image_processor_type", null) is var kind && kind != Kind)
        {
            throw new ApertureException($"{where}: image_processor_type is '{kind}'; this family knows {Kind} only.");
        }

        return read is { DoResize: true, DoCenterCrop: false, ShortestEdge: null } && read.Height == side && read.Width == side
            ? read
            : throw new ApertureException(
                $"{where} must resize to {side}x{side} pixels, which the tower takes, without a crop (do_resize, size, do_center_crop).");
    }
}
