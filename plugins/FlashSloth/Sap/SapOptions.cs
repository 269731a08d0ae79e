using System.ComponentModel.DataAnnotations;

namespace Aperture.Plugins.FlashSloth.Sap;

/// <summary>What a user may set for <c>sap</c>.</summary>
// Settable, not init-only: source-generated JSON gives init-only properties that are absent no default value.
internal sealed record SapOptions : IMethodOptions
{
    /// <summary>Side in patches of the squares that become one token; 1 keeps all. Where it does not divide a side, the last squares are smaller.</summary>
    [Range(1, 1024)]
    public int Pool { get; set; } = 3;

    /// <summary>A file with the weights; by default sap/pooling.safetensors in the model's folder, else the checkpoint's own.</summary>
    public string? Weights { get; set; }
}
