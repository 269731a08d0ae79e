using Aperture.Decoding;
using Aperture.Plugins.FlashSloth.Embq;

namespace Aperture.Plugins.FlashSloth.Sap;

/// <summary>Pools before the projector. Raw patches stay within reach of embedded queries.</summary>
/// <param name="pooling">The weights; owned.</param>
/// <param name="pool">Side of a cell in patches.</param>
/// <param name="dropout">In training; null for none.</param>
internal sealed class SapReducer(TypedWeights<SpatialPooling> pooling, int pool, SeededDropout? dropout = null) : ITokenReducer
{
    private readonly PoolStage _stage = new(SapFactory.MethodName, pooling, pool, dropout);

    public string Name => SapFactory.MethodName;

    public bool KeepsPrefixes => true; // a picture's tokens follow from the picture

    public void Declare(IReducerSites sites) => sites.BeforeProjector((context, features) =>
    {
        QueryUpdate.Share(context, features.Tokens);
        return pool == 1 ? features : _stage.Run(context, features);
    });

    public void Dispose() => pooling.Dispose();
}
