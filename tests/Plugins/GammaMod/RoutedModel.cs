using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.GammaMod.Tests;

/// <summary>A small decoder in which coordinate 0 of every row is 1 before each layer, so that a router that reads it alone can be told what to say.</summary>
internal sealed class RoutedModel(int layers = 5) : SmallModel(layers, change: KeepFirst)
{
    public const int Width = 32;

    public int Layers => Decoder.Info.Layers;

    /// <summary>A prompt with an image in it.</summary>
    public static SequenceLayout Prompt(int system, int visual, int text) => SequenceLayout.Create(
    [
        new Span(SpanKind.System, system),
        new Span(SpanKind.Image, visual) { Image = 0, Grid = new VisualGrid(1, visual) },
        new Span(SpanKind.Text, text),
    ]);

    /// <summary>Embedding rows of a sequence: a function of the seed.</summary>
    public static new Tensor Rows(SequenceLayout layout, ulong seed)
    {
        using Generator generator = new(seed, CPU);
        Tensor rows = randn([layout.Count, Width], dtype: ScalarType.Float32, generator: generator);
        using Tensor first = rows.select(1, 0);
        first.fill_(1);
        return rows;
    }

    /// <summary>A random router under which some rows run and some do not.</summary>
    public static Tensor RandomRouter(double sharpness = 4)
    {
        using Generator generator = new(11, CPU);
        using Tensor unit = randn([2, Width], dtype: ScalarType.Float32, generator: generator);
        return unit.mul(sharpness);
    }

    /// <summary>A router that says the same of every row: 1 for a large positive number, 0 for a large negative one.</summary>
    public static Tensor ConstantRouter(float logit)
    {
        Tensor router = zeros(2, Width);
        router[1, 0] = logit;
        return router;
    }

    public static GammaModRouter Router(Tensor weight, int[] layers, GammaModOptions? options = null)
        => new(RouterWeights.Trained(layers, weight), RoutingRules.Of(options ?? new GammaModOptions(), miniGemini: false), null);

    /// <summary>Runs prompts, then the same ids for all samples one after the other; gives the logits of every sample's last row after each forward.</summary>
    public float[][][] Run(
        IReadOnlyList<SequenceLayout> prompts,
        IReadOnlyList<Tensor> rows,
        IReadOnlyList<IDecoderMethod> methods,
        IDecoderTrace? trace = null,
        int[]? ids = null,
        Action<KvCache>? look = null)
    {
        using IDisposable grad = no_grad();
        using DisposeScope scope = NewDisposeScope();
        HookTable? table = methods.Count == 0 ? null : HookTableBuilder.Build(Decoder.Info, methods);
        KvCache cache = new(Layers, prompts.Count, ids?.Length ?? 0);
        using RequestContext request = new(Decoder.Info, prompts, table, trace, cache);
        List<float[][]> logits = [Forward(request, DecoderPhase.Prefill, prompts, cat([zeros(0, Width), .. rows], 0))];
        int[] next = [.. prompts.Select(prompt => prompt.Count)];
        foreach (int id in ids ?? [])
        {
            SequenceLayout[] layouts = [.. next.Select(position => SequenceLayout.Create([new Span(SpanKind.Generated, 1)], [position]))];
            next = Array.ConvertAll(next, position => position + 1);
            logits.Add(Forward(request, DecoderPhase.Decode, layouts, Decoder.Embed(Enumerable.Repeat(id, prompts.Count).ToArray())));
        }

        look?.Invoke(cache);
        return [.. logits];
    }

    private float[][] Forward(RequestContext request, DecoderPhase phase, IReadOnlyList<SequenceLayout> layouts, Tensor rows)
    {
        using ForwardState state = Decoder.Begin(request, phase, layouts);
        Tensor last = Decoder.LastLogits(state, Decoder.Run(state, rows, CancellationToken.None));
        return [.. Enumerable.Range(0, layouts.Count).Select(sample => last[sample].data<float>().ToArray())];
    }

    // Nothing writes to coordinate 0 of a row, and every embedding has 1 there.
    private static void KeepFirst(string name, Tensor tensor)
    {
        Sharpen(name, tensor);
        if (name.EndsWith("o_proj.weight", StringComparison.Ordinal) || name.EndsWith("down_proj.weight", StringComparison.Ordinal))
        {
            tensor[0].zero_();
        }
        else if (name.EndsWith("embed_tokens.weight", StringComparison.Ordinal))
        {
            tensor.select(1, 0).fill_(1);
        }
    }
}
