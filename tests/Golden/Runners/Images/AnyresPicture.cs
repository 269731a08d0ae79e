using System.Text.Json;
using Aperture.Images;
using Aperture.Plugins.Llava;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Images;

/// <summary>LLaVA-1.6's preprocessing as a recorded case configures it.</summary>
/// <param name="Tiling">How pictures are cut.</param>
/// <param name="Side">Side of a tile.</param>
/// <param name="Processor">Mean and deviation.</param>
internal sealed record AnyresPicture(LlavaTiling Tiling, int Side, ClipImageProcessorConfig Processor)
{
    /// <summary>Reads the pinpoints under the first of the keys that is there; the key's end says their order.</summary>
    public static LlavaTiling TilingOf(JsonElement json)
    {
        JsonProperty pinpoints = json.EnumerateObject().First(property => property.Name.Contains("pinpoints", StringComparison.Ordinal));
        bool heightFirst = pinpoints.Name.EndsWith("hw", StringComparison.Ordinal);
        (int Width, int Height)[] pairs = [.. pinpoints.Value.EnumerateArray().Select(RecordedPixels.Integers)
            .Select(pair => heightFirst ? (pair[1], pair[0]) : (pair[0], pair[1]))];
        return new LlavaTiling(pairs, TileMerge.SpatialUnpad) { RoundsUnpadding = heightFirst };
    }

    public static AnyresPicture Of(JsonElement config, string side) => new(TilingOf(config), config.GetProperty(side).GetInt32(), new ClipImageProcessorConfig
    {
        ImageMean = [.. config.GetProperty("image_mean").EnumerateArray().Select(value => value.GetDouble())],
        ImageStd = [.. config.GetProperty("image_std").EnumerateArray().Select(value => value.GetDouble())],
    });

    public TilePlan Plan(Image picture) => Tiling.CheckedFor(Side, "case").Select(picture.Width, picture.Height, Side);

    /// <summary>Pixel values of a file; the caller disposes them.</summary>
    public Tensor Pixels(Image picture) => LlavaTilingEncoder.PixelsOf(picture, Plan(picture), Processor, ResampleFilter.Bicubic);
}
