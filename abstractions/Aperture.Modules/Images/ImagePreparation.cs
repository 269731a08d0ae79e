using System.Globalization;

namespace Aperture.Images;

/// <summary>
/// What becomes of a picture before a model's own processor gets it. By default nothing, as with the official processors: pixels are taken as they are stored,
/// whatever the file says about its orientation, and alpha is dropped.
/// </summary>
public sealed record ImagePreparation
{
    private static readonly Dictionary<string, string> _names = new(StringComparer.OrdinalIgnoreCase)
    {
        ["white"] = "#ffffff",
        ["black"] = "#000000",
        ["grey"] = "#808080",
        ["gray"] = "#808080",
    };

    /// <summary>Nothing.</summary>
    public static ImagePreparation None { get; } = new();

    /// <summary>Whether a picture is turned as its file's EXIF orientation asks.</summary>
    public bool Upright { get; init; }

    /// <summary>The colour that transparent pictures are laid on; null to drop their alpha.</summary>
    public (byte Red, byte Green, byte Blue)? Background { get; init; }

    /// <summary>Reads a colour: <c>white</c>, <c>black</c>, <c>grey</c>, <c>#rgb</c> or <c>#rrggbb</c>.</summary>
    /// <param name="colour">The text.</param>
    /// <exception cref="ApertureException">It is none of these.</exception>
    public static (byte Red, byte Green, byte Blue) ParseColour(string colour)
    {
        ArgumentNullException.ThrowIfNull(colour);
        string text = _names.GetValueOrDefault(colour, colour);
        string digits = text.Length == 4 ? string.Concat(text.Skip(1).SelectMany(digit => new[] { digit, digit })) : text.Length == 7 ? text[1..] : "";
        return text.StartsWith('#') && uint.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint value)
            ? ((byte)(value >> 16), (byte)(value >> 8), (byte)value)
            : throw new ApertureException($"'{colour}' is no colour; give white, black, grey or #rrggbb.");
    }

    /// <summary>Prepares a picture.</summary>
    /// <param name="image">The picture as its file holds it.</param>
    /// <returns>The picture to be shown; the same one where there is nothing to do.</returns>
    public Image Apply(Image image)
    {
        ArgumentNullException.ThrowIfNull(image);
        Image upright = Upright ? image.ApplyOrientation() : image;
        return Background is { } colour && upright.HasTransparency ? upright.OnBackground(colour.Red, colour.Green, colour.Blue) : upright;
    }

    /// <summary>What files say that is not honoured, in one line that ends with the options which would; null where all is.</summary>
    /// <param name="pictures">Names and pictures as their files hold them.</param>
    public string? Notice(IEnumerable<(string Name, Image Image)> pictures)
    {
        (string Name, Image Image)[] all = [.. pictures];
        string[] turned = Upright ? [] : [.. all.Where(p => p.Image.Orientation != ImageOrientation.Upright).Select(p => p.Name)];
        string[] clear = Background is not null ? [] : [.. all.Where(p => p.Image.HasTransparency).Select(p => p.Name)];
        string[] parts =
        [
            .. turned.Length == 0 ? Array.Empty<string>() : [$"{Names(turned)} turned (EXIF orientation), shown as stored; --upright turns"],
            .. clear.Length == 0 ? Array.Empty<string>() : [$"{Names(clear)} transparent, shown without alpha; --background COLOR lays on a colour"],
        ];
        return parts.Length == 0 ? null : $"as the official processors do: {string.Join("; and ", parts)}.";
    }

    /// <summary>The preparation in words, empty for none.</summary>
    public override string ToString()
    {
        string background = Background is { } colour ? $"on #{colour.Red:x2}{colour.Green:x2}{colour.Blue:x2}" : "";
        return string.Join(", ", new[] { Upright ? "upright" : "", background }.Where(part => part.Length > 0));
    }

    private static string Names(string[] names)
        => $"{string.Join(", ", names.Take(3))}{(names.Length > 3 ? $" and {names.Length - 3} more" : "")} {(names.Length == 1 ? "is" : "are")}";
}
