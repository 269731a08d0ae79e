using Aperture.Decoding;
using Aperture.Plugins;

namespace Aperture.Plugins.Baselines.Tests;

/// <summary>The rows that the encoder is asked for.</summary>
public sealed class DownsampleTests
{
    [Theory]
    [InlineData(null, null, null, 40)]
    [InlineData(0.75, null, null, 25)]
    [InlineData(null, 0.5, null, 50)]
    [InlineData(null, null, 7, 7)]
    [InlineData(null, null, 500, 100)]
    public void The_budget_is_of_the_rows_that_a_picture_has(double? reduction, double? keep, int? tokens, int expected)
    {
        BeforeEncoderHook? hook = null;
        using DownsampleReducer reducer = new(new DownsampleOptions { Reduction = reduction, Keep = keep, Tokens = tokens });

        reducer.Declare(new Sites(given => hook = given));

        Assert.Equal(expected, hook!(null!, 100));
    }

    [Fact]
    public void Comparisons_give_it_a_budget_where_the_encoder_allows()
    {
        DownsampleFactory factory = new();

        Assert.Equal("Tokens", factory.BaselineOption);
        Assert.True(((IMethodFactory)factory).ActsBeforeEncoder);
    }

    private sealed class Sites(Action<BeforeEncoderHook> take) : IReducerSites
    {
        public DecoderInfo Decoder => throw new NotSupportedException();

        public void BeforeEncoder(BeforeEncoderHook hook) => take(hook);

        public void BeforeProjector(BeforeProjectorHook hook) => throw new NotSupportedException();

        public void BeforeDecoder(BeforeDecoderHook hook) => throw new NotSupportedException();

        public void BeforeLayer(int layer, DecoderPhase phases, BeforeLayerHook hook) => throw new NotSupportedException();

        public void AfterAttention(int layer, DecoderPhase phases, AfterAttentionHook hook) => throw new NotSupportedException();

        public void AfterLayer(int layer, DecoderPhase phases, bool needsAttention, AfterLayerHook hook) => throw new NotSupportedException();
    }
}
