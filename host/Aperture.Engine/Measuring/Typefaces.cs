using SkiaSharp;

namespace Aperture.Measuring;

/// <summary>The font of captions and plots. It is shipped, because the native image library sees no system fonts.</summary>
internal static class Typefaces
{
    /// <summary>DejaVu Sans.</summary>
    public static SKTypeface Plain { get; } = Create();

    /// <summary>Reads the font anew; the caller disposes it.</summary>
    public static SKTypeface Create()
    {
        using Stream stream = typeof(Typefaces).Assembly.GetManifestResourceStream("Aperture.Engine.Fonts.DejaVuSans.ttf")
            ?? throw new InvalidOperationException("The font resource is missing from Aperture.Engine.");
        using SKData data = SKData.Create(stream);
        return SKTypeface.FromData(data);
    }
}
