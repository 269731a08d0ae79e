using Aperture.Decoding;
using Aperture.Golden.Tests.FitPrune;
using Aperture.Plugins.DyVte.FastV;

namespace Aperture.Golden.Tests.DyVte;

/// <summary>FastV after one layer, then the gates.</summary>
public sealed class FastVExitRunner : ExitRunner
{
    public override string Kind => "fastv_exit";

    private protected override ITokenReducer[] Before(GoldenCase golden)
        => [new FastVReducer(new FastVOptions { Layer = golden.Config.Int("fastv_layer_index"), KeepTokens = golden.Config.Int("fastv_keep") })];

    private protected override void CompareBefore(GoldenCase golden, ExitTrace trace)
    {
        int layer = golden.Config.Int("fastv_layer_index");
        Assert.Equal(golden.Has("mid.fastv_kept"), trace.LayersOf("fastv.kept").Length == 1);
        if (golden.Has("mid.fastv_kept"))
        {
            golden.Compare("mid.fastv_score", trace["fastv.score", layer]);
            golden.CompareExact("mid.fastv_kept", trace["fastv.kept", layer]);
        }
    }
}
