using Aperture.Decoding;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Decoding;

/// <summary>Padding rows of a training rectangle.</summary>
[Collection(DecodingCollection.Name)]
public sealed class PaddingTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Padding_that_stays_out_of_attention_leaves_real_rows_as_they_are_without_it(bool padLeft)
    {
        using SmallDecoder small = new();
        using Decoder decoder = small.Decoder.ForTraining();
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        SequenceLayout real = SmallDecoder.LayoutOf(6), padded = Padded(6, 3, padLeft);
        int[] ids = SmallDecoder.Ids(6), pads = [3, 3, 3];
        Tensor alone = Run(decoder, [real], decoder.Embed(ids), PaddingRule.Ordinary);

        Tensor both = Run(
            decoder, [SmallDecoder.LayoutOf(9), padded], decoder.Embed([.. SmallDecoder.Ids(9, 1), .. padLeft ? [.. pads, .. ids] : (int[])[.. ids, .. pads]]),
            PaddingRule.ZeroAttention);

        Near.Equal(alone, both.narrow(0, 9 + (padLeft ? 3 : 0), 6), 1e-5);
        Tensor padding = both.narrow(0, 9 + (padLeft ? 0 : 6), 3);
        Near.Equal(padding[0].unsqueeze(0).expand(3, -1), padding, 1e-6); // each padding row sees nothing but itself
    }

    [Fact]
    public void Gradients_pass_padding_by()
    {
        using SmallDecoder small = new();
        using Decoder decoder = small.Decoder.ForTraining();
        using DisposeScope scope = NewDisposeScope();
        Tensor rows = decoder.Embed(SmallDecoder.Ids(9)).clone().requires_grad_(true);

        Run(decoder, [Padded(6, 3, padLeft: false)], rows.alias(), PaddingRule.ZeroAttention).narrow(0, 0, 6).sum().backward();

        Assert.Equal(0, rows.grad!.narrow(0, 6, 3).abs().max().item<float>());
        Assert.True(rows.grad!.narrow(0, 0, 6).abs().min().item<float>() > 0);
    }

    private static SequenceLayout Padded(int rows, int pads, bool padLeft)
    {
        Span text = new(SpanKind.Text, rows), padding = new(SpanKind.Pad, pads);
        int[] positions = padLeft ? [.. Enumerable.Repeat(0, pads), .. Enumerable.Range(0, rows)] : [.. Enumerable.Range(0, rows + pads)];
        return SequenceLayout.Create(padLeft ? [padding, text] : [text, padding], positions);
    }

    private static Tensor Run(Decoder decoder, SequenceLayout[] layouts, Tensor rows, PaddingRule padding)
    {
        using RequestContext request = new(decoder.Info, layouts, null, null, null);
        using ForwardState state = decoder.Begin(request, DecoderPhase.Train, layouts);
        state.Padding = padding;
        return decoder.Run(state, rows, CancellationToken.None);
    }
}
