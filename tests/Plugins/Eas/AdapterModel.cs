using Aperture.Decoding;
using Aperture.Plugins.Eas.Adapters;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Tests;

/// <summary>A small decoder whose gains differ from 1, and adapters for it.</summary>
/// <param name="type">What it computes in.</param>
/// <param name="without">Layers whose attention weights are left out of the checkpoint.</param>
internal sealed class AdapterModel(ScalarType type, params int[] without)
    : SmallModel(
        LayerCount,
        type: type,
        has: name => !without.Any(layer => name.StartsWith($"model.layers.{layer}.self_attn.", StringComparison.Ordinal)),
        change: Change())
{
    public const int LayerCount = 4;

    public AdapterModel(params int[] without)
        : this(ScalarType.Float32, without)
    {
    }

    /// <summary>Adapters of both kinds in every layer; random ones have ways up that are not zero.</summary>
    public EasAdapters Adapters(bool random, IReadOnlySet<int>? skipped = null)
    {
        using IDisposable quiet = no_grad();
        using Generator generator = new(11, CPU);
        EasAdapters adapters = EasAdapters.Fresh(Info, new AdapterShape(8, 12), skipped, generator);
        foreach ((string _, Tensor tensor) in adapters.Named().Where(pair => pair.Name.Contains("conv_B") || pair.Name.Contains("conv_D")))
        {
            using Tensor values = randn(tensor.shape, generator: generator).mul_(0.3);
            _ = random ? tensor.copy_(values) : tensor.zero_();
        }

        return adapters;
    }

    public EasRouter Router(EasAdapters adapters, EasSettings settings, params int[] skipped) => new(adapters, skipped.ToHashSet(), settings);

    public static SequenceLayout Prompt(int rows) => SequenceLayout.Create([new Sequences.Span(SpanKind.Text, rows)]);

    /// <summary>A prompt's prefill and some given tokens after it.</summary>
    /// <returns>Logits of the last row after each forward, <c>[forwards, samples, V]</c>, and every layer's cache rows of the first sample.</returns>
    public (float[] Logits, int[] Cache) Run(
        IReadOnlyList<Tensor> prompts, ILayerRouter? router, int steps = 0, IDecoderTrace? trace = null, int[]? select = null)
    {
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        SequenceLayout[] layouts = [.. prompts.Select(rows => Prompt((int)rows.size(0)))];
        HookTable? table = router is null ? null : HookTableBuilder.Build(Info, [router]);
        using RequestContext request = new(Info, layouts, table, trace, new KvCache(LayerCount, prompts.Count, steps));
        using ForwardState state = Decoder.Begin(request, DecoderPhase.Prefill, layouts);
        List<float> logits = [];
        void Keep(Tensor last) => logits.AddRange(last.data<float>().ToArray());
        Keep(Decoder.LastLogits(state, Decoder.Run(state, Packed(prompts), CancellationToken.None)));
        if (select is not null)
        {
            request.Select(select);
        }

        for (int step = 0; step < steps; step++)
        {
            int samples = select?.Length ?? prompts.Count;
            request.Step = step + 1;
            SequenceLayout[] next =
            [
                .. Enumerable.Range(0, samples)
                    .Select(sample => SequenceLayout.Create([new Sequences.Span(SpanKind.Generated, 1)], [request.NextPosition(sample)])),
            ];
            using ForwardState decoding = Decoder.Begin(request, DecoderPhase.Decode, next);
            int[] tokens = [.. Enumerable.Range(0, samples).Select(sample => (5 + (7 * step) + (select?[sample] ?? sample)) % 40)];
            Keep(Decoder.LastLogits(decoding, Decoder.Run(decoding, Decoder.Embed(tokens), CancellationToken.None)));
            for (int sample = 0; sample < samples; sample++)
            {
                request.Advance(sample, 1);
            }
        }

        return ([.. logits], [.. Enumerable.Range(0, LayerCount).Select(layer => request.Cache!.Length(layer, 0))]);
    }

    // Matrices are multiplied by 8, gains drawn anew, in the order of the names.
    private static Action<string, Tensor> Change()
    {
        Generator generator = new(7, CPU);
        return (_, tensor) =>
        {
            using Tensor gain = rand(tensor.shape, generator: generator).mul_(2).add_(0.2);
            if (tensor.dim() == 2)
            {
                tensor.mul_(8);
            }
            else
            {
                tensor.copy_(gain);
            }
        };
    }
}
