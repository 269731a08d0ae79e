using System.Globalization;
using System.Text.Json;
using Aperture.Images;
using Aperture.Vision;
using Microsoft.Extensions.AI;

namespace Aperture.Hosting.Pictures;

/// <summary>Reads what a request for pictures says beside its sentence: numbers and texts under the names that our own requests give them.</summary>
internal static class PictureSettings
{
    /// <summary>How many pictures are asked for.</summary>
    /// <exception cref="ApertureException">None, or pictures in another form than bytes.</exception>
    public static int Count(ImageGenerationOptions? options)
        => options?.ResponseFormat is { } form and not ImageGenerationResponseFormat.Data
            ? throw new ApertureException($"Pictures are given as bytes, not as '{form}'; leave ResponseFormat out, or set it to Data.")
            : options?.Count is < 1 ? throw new ApertureException($"Count is {options.Count}; give 1 or more.")
            : options?.Count ?? 1;

    /// <summary>A number of the additional properties; null where it is not given.</summary>
    /// <exception cref="ApertureException">It is no number.</exception>
    public static double? Number(ImageGenerationOptions? options, string name)
        => Given(options, name) switch
        {
            null => null,
            JsonElement { ValueKind: JsonValueKind.Number } json => json.GetDouble(),
            IConvertible value and not string => value.ToDouble(CultureInfo.InvariantCulture),
            object other => throw new ApertureException($"{name} is '{other}'; give a number."),
        };

    /// <summary>A whole number of the additional properties; null where it is not given.</summary>
    /// <exception cref="ApertureException">It is no whole number.</exception>
    public static long? Whole(ImageGenerationOptions? options, string name)
        => Number(options, name) is not { } number ? null
            : number == Math.Truncate(number) && Math.Abs(number) < 1L << 53 ? (long)number
            : throw new ApertureException($"{name} is {number.ToString(CultureInfo.InvariantCulture)}; give a whole number.");

    /// <summary>A text of the additional properties; null where it is not given.</summary>
    public static string? Text(ImageGenerationOptions? options, string name) => Given(options, name)?.ToString();

    /// <summary>A picture as the interface hands it out.</summary>
    public static DataContent Content(Picture picture) => new(Image.FromPicture(picture).EncodePng(), "image/png");

    private static object? Given(ImageGenerationOptions? options, string name)
        => options?.AdditionalProperties is { } properties && properties.TryGetValue(name, out object? value) ? value : null;
}
