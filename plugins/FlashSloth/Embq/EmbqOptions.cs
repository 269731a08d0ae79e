using System.ComponentModel.DataAnnotations;

namespace Aperture.Plugins.FlashSloth.Embq;

/// <summary>What a user may set for <c>embq</c>.</summary>
// Settable, not init-only: source-generated JSON gives init-only properties that are absent no default value.
internal sealed record EmbqOptions : IMethodOptions
{
    /// <summary>The decoder layer before which queries are updated, from 0; FlashSloth's is 7.</summary>
    [Range(0, 1023)]
    public int Layer { get; set; } = 7;

    /// <summary>Whether patches are averaged before the value matrix, which is cheaper and the same up to rounding.</summary>
    public bool FuseValueProjection { get; set; }

    /// <summary>A file with the weights; by default embq/queries.safetensors in the model's folder, else the checkpoint's own.</summary>
    public string? Weights { get; set; }
}
