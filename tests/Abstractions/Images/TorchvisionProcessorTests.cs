using Aperture.Images;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Images;

/// <summary>torchvision's chain where it differs from the CLIP processor.</summary>
public sealed class TorchvisionProcessorTests
{
    private static readonly TorchvisionProcessorConfig _plain = new() { Size = 2, Resample = ResampleFilter.Nearest, Mean = [0, 0, 0], Deviation = [1, 1, 1] };

    [Theory]
    [InlineData(3, 0)] // half a pixel is left over: rounded to the even corner
    [InlineData(5, 2)]
    [InlineData(4, 1)]
    public void The_corner_of_the_crop_is_rounded_half_to_even(int width, int left)
    {
        byte[] pixels = [.. Enumerable.Range(0, 2 * width).SelectMany(i => Enumerable.Repeat((byte)(i % width), 3))];

        using Tensor values = new TorchvisionProcessor(_plain).Process(Image.FromRgb(pixels, width, 2));

        Assert.Equal(left, (int)Math.Round(values[0, 0, 0].item<float>() * 255));
        Assert.Equal(left + 1, (int)Math.Round(values[0, 0, 1].item<float>() * 255));
    }

    [Fact]
    public void Without_a_crop_the_aspect_ratio_is_given_up()
    {
        using Tensor values = new TorchvisionProcessor(_plain with { CropCentre = false }).Process(Image.Filled(7, 3, 255, 0, 51));

        Assert.Equal([3L, 2, 2], values.shape);
        Assert.Equal([1f, 1, 1, 1, 0, 0, 0, 0, 0.2f, 0.2f, 0.2f, 0.2f], values.data<float>().ToArray());
    }

    [Theory]
    [InlineData(0, 1, "the size must be at least 1 pixel, but is 0")]
    [InlineData(8, 0, "no deviation 0")]
    public void A_wrong_configuration_is_one_line(int size, double deviation, string expected)
    {
        ApertureException error = Assert.Throws<ApertureException>(() => new TorchvisionProcessor(_plain with { Size = size, Deviation = [1, 1, deviation] }));

        Assert.Contains(expected, error.Message);
    }
}
