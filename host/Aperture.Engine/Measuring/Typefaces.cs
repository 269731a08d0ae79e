using SkiaSharp;

namespace Aperture.Measuring;

/// <summary>The font of captions and plots. It is shipped, because the native image library sees no system fonts.</summary>
internal static class Typefaces
{
    /// <summary>DejaVu Sans.</summary>
    public static SKTypeface Plain { get; } = Load();

    /// <summary>The font file's bytes.</summary>
    public static byte[] Bytes()
    {
        using Stream stream = typeof(Typefaces).Assembly.GetManifestResourceStream("Aperture.Engine.Fonts.DejaVuSans.ttf")
            ?? throw new InvalidOperationException("The font resource is missing from Aperture.Engine.");
        using MemoryStream buffer = new();
        stream.CopyTo(buffer);
        return buffer.ToArray();
    }

    private static SKTypeface Load()
    {
        using SKData data = SKData.CreateCopy(Bytes());
        return SKTypeface.FromData(data);
    }
}
