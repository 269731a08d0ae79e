using Aperture.Decoding;

namespace Aperture.Plugins.Baselines;

/// <summary>
/// Has the encoder look at each image in the greatest detail that gives no more tokens than the budget allows: a smaller square of patches, or fewer or smaller
/// tiles. The encoder saves what it does not look at.
/// </summary>
internal sealed class DownsampleReducer(DownsampleOptions options) : ITokenReducer
{
    public string Name => DownsampleFactory.MethodName;

    public bool KeepsPrefixes => true; // a picture's tokens follow from the picture

    public void Declare(IReducerSites sites)
        => sites.BeforeEncoder((_, rows) => TokenBudget.Of(rows, options.Reduction, options.Keep, options.Tokens));

    public void Dispose()
    {
    }
}
