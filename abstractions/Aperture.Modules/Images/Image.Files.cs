using Aperture.Files;
using Aperture.Measuring;

namespace Aperture.Images;

public sealed partial class Image
{
    /// <summary>
    /// Opens a PNG, JPEG, WebP, GIF, BMP, TIFF, TGA, PBM, PGM or PPM file, told apart by content and not by name. Of an animation the first frame is
    /// taken, of several pages the first.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Limits; null for the defaults.</param>
    /// <returns>The image in the mode in which it is stored; <see cref="Orientation"/> is reported and not applied.</returns>
    /// <exception cref="ApertureException">The file is missing, unreadable, damaged, of another format, or larger than the limits.</exception>
    public static Image Load(string path, ImageDecodeOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= ImageDecodeOptions.Default;
        try
        {
            InputFile.RequireRegular(path);
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
            if (file.Length > Math.Min(options.MaxFileBytes, Array.MaxLength))
            {
                throw new ApertureException($"Image {path} is {file.Length} bytes long; the limit is {options.MaxFileBytes}.");
            }

            byte[] bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return Decode(bytes, path, options);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ApertureException($"Image {path} cannot be read: {FirstLine(error)}", error);
        }
    }

    /// <summary>Opens an image that is in memory as the bytes of a file that <see cref="Load"/> reads.</summary>
    /// <param name="bytes">The bytes of the file.</param>
    /// <param name="name">What error messages call the image.</param>
    /// <param name="options">Limits; null for the defaults.</param>
    /// <returns>The image in the mode in which it is stored; <see cref="Orientation"/> is reported and not applied.</returns>
    /// <exception cref="ApertureException">The bytes are damaged, of another format, or describe an image larger than the limits.</exception>
    public static Image Decode(ReadOnlySpan<byte> bytes, string name = "(in memory)", ImageDecodeOptions? options = null) =>
        ImageReader.Read(bytes, name, options ?? ImageDecodeOptions.Default);

    /// <summary>
    /// Writes a PNG file. It is written beside the target and renamed over it, so that the target is either the old file or the whole new one.
    /// Modes L, LA, RGB, RGBA and Bilevel are kept exactly, P is written as RGBA, I as 16-bit grey (clipped to 0..65535), F as L.
    /// </summary>
    /// <param name="path">The file to make or replace.</param>
    /// <exception cref="ApertureException">The file cannot be written.</exception>
    public void SavePng(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Write(path, EncodePng());
    }

    /// <summary>
    /// Writes an animated GIF file that repeats for ever, each frame in a palette of 256 colours of its own. It is written beside the target and renamed over
    /// it, so that the target is either the old file or the whole new one.
    /// </summary>
    /// <param name="frames">The frames, at least one, all of the first one's size; they are written in mode RGB.</param>
    /// <param name="path">The file to make or replace.</param>
    /// <param name="delay">How long each frame shows, 20 ms to 655 s; GIF counts in hundredths of a second. Null for half a second.</param>
    /// <exception cref="ApertureException">There is no frame, a frame has another size, or the file cannot be written.</exception>
    public static void SaveGif(IEnumerable<Image> frames, string path, TimeSpan? delay = null)
    {
        ArgumentNullException.ThrowIfNull(frames);
        ArgumentException.ThrowIfNullOrEmpty(path);
        Image[] all = [.. frames];
        if (all.Length == 0)
        {
            throw new ApertureException($"Image {path} cannot be written: an animation needs at least one frame.");
        }

        int odd = Array.FindIndex(all, frame => frame.Width != all[0].Width || frame.Height != all[0].Height);
        if (odd >= 0)
        {
            throw new ApertureException(
                $"Image {path} cannot be written: frame {odd} has {all[odd].Width}x{all[odd].Height} pixels and frame 0 has {all[0].Width}x{all[0].Height}; "
                + "resize or crop them to one size.");
        }

        double hundredths = Math.Round((delay ?? TimeSpan.FromMilliseconds(500)).TotalMilliseconds / 10);
        if (hundredths is < 2 or > ushort.MaxValue || Math.Max(all[0].Width, all[0].Height) > ushort.MaxValue)
        {
            throw new ApertureException(
                $"Image {path} cannot be written: a GIF of {all[0].Width}x{all[0].Height} pixels and {hundredths / 100} s a frame cannot be; "
                + $"sides are at most {ushort.MaxValue} pixels, and a frame shows from 0.02 to {ushort.MaxValue / 100.0} s.");
        }

        Write(path, GifWriter.Write(all, (int)hundredths));
    }

    /// <summary>The bytes of a PNG file; see <see cref="SavePng"/> for what becomes of the modes.</summary>
    /// <returns>A new array.</returns>
    public byte[] EncodePng() => Mode switch
    {
        ImageMode.P => PngWriter.Write(ConvertToRgba()),
        ImageMode.F => PngWriter.Write(ConvertToL()),
        _ => PngWriter.Write(this),
    };

    private static void Write(string path, byte[] file)
    {
        string beside = AtomicFile.Temporary(path);
        try
        {
            File.WriteAllBytes(beside, file);
            File.Move(beside, path, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ApertureException($"Image {path} cannot be written: {FirstLine(error)}", error);
        }
        finally
        {
            if (File.Exists(beside))
            {
                File.Delete(beside);
            }
        }
    }

    private static string FirstLine(Exception error) => error.Message.ReplaceLineEndings(" ");
}
