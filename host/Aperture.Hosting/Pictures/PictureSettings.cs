using System.Globalization;
using System.Text.Json;
using Aperture.Images;
using Aperture.Vision;
using Microsoft.Extensions.AI;

namespace Aperture.Hosting.Pictures;

/// <summary>Reads what a request for pictures says beside its sentence: numbers and texts under the names that our own requests give them.</summary>
internal static class PictureSettings
{
    /// <summary>Makes as many pictures as are asked for, each on a thread of the pool; several have seeds that follow each other.</summary>
    /// <param name="options">What is asked for.</param>
    /// <param name="seed">The seed of the first; null for the model's own, of several 0.</param>
    /// <param name="make">Makes one with a seed.</param>
    /// <param name="cancellationToken">Stops between two.</param>
    /// <exception cref="ApertureException">None are asked for, or pictures in another form than bytes.</exception>
    public static async Task<ImageGenerationResponse> Make(
        ImageGenerationOptions? options, long? seed, Func<long?, Picture> make, CancellationToken cancellationToken)
    {
        List<AIContent> made = [];
        int count = Count(options);
        for (int i = 0; i < count; i++)
        {
            long? own = count == 1 ? seed : (seed ?? 0) + i;
            made.Add(Content(await Task.Run(() => make(own), cancellationToken).ConfigureAwait(false)));
        }

        return new ImageGenerationResponse(made);
    }

    private static int Count(ImageGenerationOptions? options)
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

    private static DataContent Content(Picture picture) => new(Image.FromPicture(picture).EncodePng(), "image/png");

    private static object? Given(ImageGenerationOptions? options, string name)
        => options?.AdditionalProperties is { } properties && properties.TryGetValue(name, out object? value) ? value : null;
}
