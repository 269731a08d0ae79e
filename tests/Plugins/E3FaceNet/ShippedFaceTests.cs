using Aperture.Images;
using Aperture.Pipelines;
using Aperture.Tasks;
using Aperture.Tests;

namespace Aperture.Plugins.E3FaceNet.Tests;

/// <summary>The face generator that comes with the application, opened by its folder alone.</summary>
public sealed class ShippedFaceTests
{
    private const int Side = 64;

    [Fact]
    public async Task Sentences_colour_the_wall_and_put_a_hat_on()
    {
        await using EngineSession session = EngineSessions.Open();
        using OpenTask<IFaceGenerator> faces = session.LoadTask<IFaceGenerator>(Repository.Path("scripts", "models", "tiny-face"));
        byte[] Picture(string sentence)
        {
            FaceRequest request = new() { Text = sentence, Seed = 0, Truncation = 1, Views = [ViewPoint.Front] };
            return Image.FromPicture(faces.Generate(request).Value[0].Picture).ConvertToRgb().Pixels.ToArray();
        }

        double[] green = Mean(Picture("a man with pale skin and short black hair before a green wall"), 0, 8, 8);
        double[] yellow = Mean(Picture("a man with pale skin and short black hair before a yellow wall"), 0, 8, 8);
        Assert.True(green[1] > green[0] && yellow[0] > yellow[2] + 30, $"{string.Join(", ", green)}; {string.Join(", ", yellow)}");

        // A blue hat covers the top of the head.
        double[] hat = Mean(Picture("a man with pale skin, short black hair and a blue hat before a grey wall"), 28, 8, 16);
        double[] bare = Mean(Picture("a man with pale skin and short black hair before a grey wall"), 28, 8, 16);
        Assert.True(hat[2] - hat[0] > bare[2] - bare[0] + 20, $"{string.Join(", ", hat)}; {string.Join(", ", bare)}");
    }

    // The mean colour of a rectangle eight pixels wide.
    private static double[] Mean(byte[] pixels, int left, int width, int rows)
        => [.. Enumerable.Range(0, 3).Select(channel => Enumerable.Range(0, rows).SelectMany(
            row => Enumerable.Range(left, width).Select(column => pixels[(3 * ((row * Side) + column)) + channel])).Average(value => (double)value))];
}
