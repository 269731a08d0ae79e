using Aperture.Decoding;
using Aperture.Models;
using Aperture.Vision;

namespace Aperture.Golden.Tests;

/// <summary>Packs recorded prompts with pictures as most families do.</summary>
internal static class Packing
{
    /// <summary>Puts pictures where their placeholders stand; the caller disposes the sequence.</summary>
    public static PackedPrompt Pack(
        Decoder decoder, IReadOnlyList<int> ids, int imageToken, int perImage, IReadOnlyList<VisualTokens> images, int? maxRows = null)
        => new PlaceholderPacker(imageToken) { PerImage = perImage, MaxRows = maxRows }.Pack(new PackInput(ids, images, text => decoder.Embed(text), null));
}
