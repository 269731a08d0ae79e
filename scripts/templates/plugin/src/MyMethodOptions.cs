using System.ComponentModel.DataAnnotations;
using Aperture.Plugins;

namespace MyMethod;

/// <summary>
/// What a user may set for <c>mymethod</c>: defaults, ranges and summaries here are also what help shows and what is checked. What one attribute cannot say,
/// such as options that exclude each other, a Validate method checks.
/// </summary>
internal sealed record MyMethodOptions : IMethodOptions
{
    /// <summary>Share of an image's tokens to keep.</summary>
    [Range(0.0, 1.0, MinimumIsExclusive = true)]
    public double Keep { get; set; } = 0.5;
}
