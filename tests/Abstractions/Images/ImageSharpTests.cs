using Aperture.Images;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Gif;
using SixLabors.ImageSharp.PixelFormats;
using SixLabors.ImageSharp.Processing;
using Image = Aperture.Images.Image;

namespace Aperture.Abstractions.Tests.Images;

/// <summary>Images from and to SixLabors.ImageSharp, and animations written with it.</summary>
public sealed class ImageSharpTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("animations").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Pixels_are_the_same_there_and_back()
    {
        Image image = PilResizeTests.Noise(ImageMode.RGB, 17, 5, seed: 4);

        using Image<Rgb24> other = image.ToImageSharp();
        other.Mutate(context => context.Flip(FlipMode.Horizontal));
        Image flipped = Image.FromImageSharp(other);
        other.Mutate(context => context.Flip(FlipMode.Horizontal));

        Assert.Equal(image.Crop(0, 0, 1, 1).Pixels, flipped.Crop(16, 0, 1, 1).Pixels);
        Assert.NotEqual(image.Pixels.ToArray(), flipped.Pixels.ToArray());
        Assert.Equal(image.Pixels, Image.FromImageSharp(other).Pixels);
    }

    [Fact]
    public void Other_modes_and_pixel_formats_become_colours()
    {
        using Image<Rgb24> grey = Image.FromPixels(ImageMode.L, [7, 8], 2, 1).ToImageSharp();
        using Image<Rgba32> alpha = new(1, 1, new Rgba32(1, 2, 3, 0));

        Assert.Equal((new Rgb24(7, 7, 7), new Rgb24(8, 8, 8)), (grey[0, 0], grey[1, 0]));
        Assert.Equal([1, 2, 3], Image.FromImageSharp(alpha).Pixels.ToArray());
    }

    [Fact]
    public void SaveGif_writes_every_frame_with_its_delay_and_leaves_nothing_else_behind()
    {
        string path = Path.Combine(_folder, "animation.gif");
        Image[] frames = [Image.Filled(8, 6, 200, 10, 20), Image.Filled(8, 6, 0, 120, 255), Image.FromPixels(ImageMode.L, new byte[48], 8, 6)];

        Image.SaveGif(frames, path, TimeSpan.FromMilliseconds(250));
        using Image<Rgb24> read = SixLabors.ImageSharp.Image.Load<Rgb24>(path, new GifDecoder());

        Assert.Equal(3, read.Frames.Count);
        int[] delays = [.. Enumerable.Range(0, read.Frames.Count).Select(i => read.Frames[i].Metadata.GetGifMetadata().FrameDelay)];
        Rgb24[] colours = [.. Enumerable.Range(0, read.Frames.Count).Select(i => read.Frames[i][3, 3])];
        Assert.Equal([25, 25, 25], delays);
        Assert.Equal(0, read.Metadata.GetGifMetadata().RepeatCount); // for ever
        Assert.Equal([new Rgb24(200, 10, 20), new Rgb24(0, 120, 255), new Rgb24(0, 0, 0)], colours);
        Assert.Equal([path], Directory.GetFiles(_folder));
        Assert.Equal(frames[0].Pixels, Image.Load(path).ConvertToRgb().Pixels);
    }

    [Fact]
    public void SaveGif_says_what_cannot_be_written()
    {
        string path = Path.Combine(_folder, "animation.gif");
        Image small = Image.Filled(2, 2, 1, 2, 3), large = Image.Filled(3, 2, 1, 2, 3);

        Assert.Contains("at least one frame", Refused(() => Image.SaveGif([], path)));
        Assert.Contains("frame 1 has 3x2 pixels and frame 0 has 2x2", Refused(() => Image.SaveGif([small, large], path)));
        Assert.Contains("0.01 s a frame", Refused(() => Image.SaveGif([small], path, TimeSpan.FromMilliseconds(10))));
        Assert.Contains("missing", Refused(() => Image.SaveGif([small], Path.Combine(_folder, "missing", "animation.gif"))));
        Assert.Empty(Directory.GetFiles(_folder));
    }

    private static string Refused(Action save)
    {
        string message = Assert.Throws<ApertureException>(save).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }
}
