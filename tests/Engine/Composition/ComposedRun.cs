using Aperture.Decoding;
using Aperture.Engine.Tests.Decoding;
using Aperture.Measuring;
using Aperture.Scheduling;
using Aperture.Sequences;
using Aperture.Tasks;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Composition;

/// <summary>Prompts through a pipeline and a few tokens after them: logits of every sample's last row at every step, and what each layer did.</summary>
internal sealed record ComposedRun(float[][][] Logits, IReadOnlyList<(int Layer, DecoderPhase Phase, LayerWork Work)> Work)
{
    /// <summary>Learned queries behind the picture of every prompt.</summary>
    public const int Queries = 2;

    private const int Steps = 3, Patches = 6;

    /// <summary>Runs a batch; sample i of it is sequence <c>sequences[i]</c>, whose tokens depend on that number alone.</summary>
    public static ComposedRun Of(SmallDecoder small, HookTable? table, int[] rows, int[] sequences)
    {
        using IDisposable mode = inference_mode();
        using Recorder recorder = new();
        SequenceLayout[] layouts = [.. sequences.Select(sequence => WithQueries(rows[sequence]))];
        using RequestContext request = small.Begin(layouts, table, recorder);
        SharePatches(small, request, sequences);
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

    // A prompt as methods with queries of their own leave it.
    private static SequenceLayout WithQueries(int rows) => SequenceLayout.Create(
    [
        new Span(SpanKind.System, 2),
        new Span(SpanKind.Image, 6) { Image = 0, Grid = new VisualGrid(2, 3) },
        new Span(SpanKind.LearnedQuery, Queries) { Image = 0, Places = [.. Enumerable.Repeat(-1, Queries)] },
        new Span(SpanKind.Text, rows - 8 - Queries),
    ]);

    // The pictures are not seen here: the raw patches that queries look at stand ready, a function of the sequence.
    private static void SharePatches(SmallDecoder small, RequestContext request, int[] sequences)
    {
        for (int sample = 0; sample < sequences.Length; sample++)
        {
            using Generator generator = new((ulong)sequences[sample] + 1, CPU);
            request.Share($"embq.patches.{sample}.0", randn([Patches, MethodWeights.PatchWidth(small.Config)], generator: generator));
        }
    }

    private static float[][] Forward(SmallDecoder small, RequestContext request, DecoderPhase phase, SequenceLayout[] layouts, int[] ids)
    {
        using ForwardState state = small.Decoder.Begin(request, phase, layouts);
        using Tensor rows = small.Decoder.Run(state, small.Decoder.Embed(ids), CancellationToken.None);
        using Tensor last = small.Decoder.LastLogits(state, rows);
        return [.. last.data<float>().ToArray().Chunk(SmallDecoder.Vocabulary)];
    }
}
