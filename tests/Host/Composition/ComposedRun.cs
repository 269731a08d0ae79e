using Aperture.Decoding;
using Aperture.Host.Tests.Decoding;
using Aperture.Measuring;
using Aperture.Scheduling;
using Aperture.Sequences;
using Aperture.Tasks;
using static TorchSharp.torch;

namespace Aperture.Host.Tests.Composition;

/// <summary>Prompts through a pipeline and a few tokens after them: logits of every sample's last row at every step, and what each layer did.</summary>
internal sealed record ComposedRun(float[][][] Logits, IReadOnlyList<(int Layer, DecoderPhase Phase, LayerWork Work)> Work)
{
    private const int Steps = 3;

    /// <summary>Runs a batch; sample i of it is sequence <c>sequences[i]</c>, whose tokens depend on that number alone.</summary>
    public static ComposedRun Of(SmallDecoder small, HookTable? table, int[] rows, int[] sequences)
    {
        using IDisposable mode = inference_mode();
        using Recorder recorder = new();
        SequenceLayout[] layouts = [.. sequences.Select(sequence => SmallDecoder.WithImage(rows[sequence]))];
        using RequestContext request = small.Begin(layouts, table, recorder);
        List<float[][]> logits =
        [
            Forward(small, request, DecoderPhase.Prefill, layouts, [.. sequences.SelectMany(sequence => SmallDecoder.Ids(rows[sequence], sequence))]),
        ];
        for (int step = 0; step < Steps; step++)
        {
            SequenceLayout[] next =
            [
                .. Enumerable.Range(0, sequences.Length).Select(
                    sample => SequenceLayout.Create([new Span(SpanKind.Generated, 1)], [request.NextPosition(sample)])),
            ];
            request.Step++;
            logits.Add(
                Forward(small, request, DecoderPhase.Decode, next, [.. sequences.Select(sequence => (sequence * 5 + step * 11) % SmallDecoder.Vocabulary)]));
            for (int sample = 0; sample < next.Length; sample++)
            {
                request.Advance(sample, 1);
            }
        }

        return new ComposedRun([.. logits], recorder.Work);
    }

    private static float[][] Forward(SmallDecoder small, RequestContext request, DecoderPhase phase, SequenceLayout[] layouts, int[] ids)
    {
        using ForwardState state = small.Decoder.Begin(request, phase, layouts);
        using Tensor rows = small.Decoder.Run(state, small.Decoder.Embed(ids), CancellationToken.None);
        using Tensor last = small.Decoder.LastLogits(state, rows);
        return [.. last.data<float>().ToArray().Chunk(SmallDecoder.Vocabulary)];
    }
}
