using System.Text.Json;
using Aperture.Models;

namespace Aperture.Decoding;

/// <summary>Reads rotary positions from a decoder's configuration.</summary>
internal static class RotaryReader
{
    private const string SectionsKey = "mrope_section";

    public static RotaryConfig Read(ConfigReader config, DecoderFamily family, int headSize, int maxPositions)
    {
        // transformers 5 writes rope_parameters in place of rope_theta and rope_scaling.
        ConfigReader parameters = config.Has("rope_parameters") ? config.Child("rope_parameters") : config.Child("rope_scaling");
        double theta = parameters.Number("rope_theta", config.Number("rope_theta", family.Theta));
        string kind = parameters.Text("rope_type", parameters.Text("type", "default"))!;
        RotaryScaling scaling = kind switch
        {
            "default" => RotaryScaling.None,
            "linear" => RotaryScaling.Linear,
            "dynamic" => RotaryScaling.Dynamic,
            "llama3" => RotaryScaling.Llama3,
            "mrope" when family.Axes > 1 => RotaryScaling.None,
            _ => throw new ApertureException($"{config.Where}: rope scaling '{kind}' is not supported; use default, linear, dynamic or llama3."),
        };
        double factor = parameters.Number("factor", 1);
        if (factor <= 0)
        {
            throw new ApertureException($"{config.Where}: the rope scaling factor is {factor} but must be above 0.");
        }

        int dimensions = Partial(config, parameters, family, headSize);
        return new RotaryConfig
        {
            Theta = theta,
            Dimensions = dimensions,
            Sections = family.Axes == 1 ? [] : Sections(config, parameters, family, dimensions, scaling),
            Scaling = scaling,
            Factor = factor,
            MaxPositions = maxPositions,
            LowFrequencyFactor = parameters.Number("low_freq_factor", 1),
            HighFrequencyFactor = parameters.Number("high_freq_factor", 4),
            OriginalMaxPositions = parameters.Size("original_max_position_embeddings", 8192),
        };
    }

    private static int Partial(ConfigReader config, ConfigReader parameters, DecoderFamily family, int headSize)
    {
        double part = parameters.Number("partial_rotary_factor", config.Number("partial_rotary_factor", family.PartialRotary));
        if (family.PartialRotary == 1 && part != 1)
        {
            throw new ApertureException($"{config.Where}: partial_rotary_factor is {part}, but decoders of this type rotate whole heads; set it to 1.");
        }

        int dimensions = part is > 0 and <= 1 ? (int)(part * headSize) : 0;
        return dimensions > 0 && dimensions % 2 == 0
            ? dimensions
            : throw new ApertureException(
                $"{config.Where}: partial_rotary_factor is {part} for heads of {headSize}; it must be above 0, at most 1, and give an even number of them.");
    }

    // How many frequencies each axis gets. The list decides, whatever the kind of scaling is called beside it.
    private static int[] Sections(ConfigReader config, ConfigReader parameters, DecoderFamily family, int dimensions, RotaryScaling scaling)
    {
        if (scaling != RotaryScaling.None)
        {
            throw new ApertureException(
                $"{config.Where}: rope scaling '{scaling}' with positions of {family.Axes} axes is not supported; use mrope or default.");
        }

        if (!parameters.Has(SectionsKey))
        {
            throw new ApertureException(
                $"{config.Where}: rope_scaling has no {SectionsKey}, the list of {family.Axes} sizes that positions of this model need.");
        }

        JsonElement list = parameters.Root.GetProperty(SectionsKey);
        int[] sections = list.ValueKind == JsonValueKind.Array && list.GetArrayLength() == family.Axes ? [.. list.EnumerateArray().Select(Size)] : [];
        int Size(JsonElement size) => size.ValueKind == JsonValueKind.Number && size.TryGetInt32(out int value) && value > 0 && value <= dimensions ? value : 0;
        return sections.Length > 0 && !sections.Contains(0) && sections.Sum() == dimensions / 2
            ? sections
            : throw parameters.Bad(SectionsKey, list, $"{family.Axes} sizes above 0 with the sum {dimensions / 2}, half of the rotated dimensions");
    }
}
