using Aperture;
using Aperture.Plugins;

namespace MyMethod;

/// <summary>What a user may set for <c>mymethod</c>.</summary>
internal sealed record MyMethodOptions : IMethodOptions
{
    /// <summary>Share of an image's tokens to keep.</summary>
    public double Keep { get; set; } = 0.5;

    public void Validate()
    {
        if (Keep is not (> 0 and <= 1))
        {
            throw new ApertureException($"{MyMethodFactory.MethodName}: Keep is {Keep}; give a share above 0 and up to 1, such as 0.5.");
        }
    }
}
