using System.Diagnostics;
using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Benchmarks;

/// <summary>
/// Measures a decoder of a published shape with random weights: prefill beside a straight-line loop of the same operations, prefill with a method beside the
/// un-reduced one, and decode beside a plain read of memory. What is compared alternates within one run, so that a busy machine slows both.
/// </summary>
public sealed class DecoderBenchmark : IDisposable
{
    private const int PrefixRows = 35;
    private const int DecodeRounds = 5;
    private const int DecodeTokens = 12;
    private readonly ModelShape _shape;
    private readonly DecoderBenchmarkOptions _options;
    private readonly Ops _ops;
    private readonly Decoder _decoder;
    private readonly RandomWeights _source;
    private readonly SequenceLayout _layout;
    private readonly Tensor _rows;

    /// <summary>Makes the model.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="options">What to measure.</param>
    public DecoderBenchmark(ModelShape shape, DecoderBenchmarkOptions options)
    {
        _shape = shape;
        _options = options;
        if (options.Threads > 0)
        {
            set_num_threads(options.Threads);
        }

        _ops = new Ops(options.Device, options.Type, options.Threads) { Weights = options.Weights, Cache = options.Cache };
        _source = new RandomWeights(shape.Decoder, options.Type, seed: 1);
        WeightPolicy policy = WeightPolicy.Of(_ops);
        _decoder = new Decoder(shape.Decoder, DecoderWeights.Load(_source, "model.", "lm_head", shape.Decoder, policy), _ops, shape.Info);
        int text = options.TextTokens;
        _layout = SequenceLayout.Create(
        [
            new Span(SpanKind.System, Math.Min(PrefixRows, text)),
            new Span(SpanKind.Image, options.VisualTokens) { Image = 0, Grid = new VisualGrid(1, options.VisualTokens) },
            new Span(SpanKind.Text, Math.Max(0, text - PrefixRows)),
        ]);
        using Tensor noise = randn(_layout.Count, shape.Decoder.HiddenSize, dtype: ScalarType.Float32, device: options.Device);
        using Tensor scaled = noise.mul(0.02);
        _rows = scaled.to_type(options.Type);
    }

    /// <summary>Element type, device, threads and processor.</summary>
    public MeasuredOn MeasuredOn => MeasuredOn.Of(_ops);

    /// <summary>Rows of the prompt.</summary>
    public int PromptRows => _layout.Count;

    /// <summary>Bytes of weights that a token reads.</summary>
    public long StreamedBytes => _decoder.Weights.StreamedBytes;

    /// <summary>Prefill of the product and of the straight-line loop, alternating.</summary>
    /// <param name="cancellationToken">Checked between layers.</param>
    public PrefillComparison ComparePrefill(CancellationToken cancellationToken)
    {
        StraightLineDecoder straight = new(_shape.Decoder, _decoder.Weights);
        (double ours, double theirs, double ratio) = Alternate(() => Prefill(null, cancellationToken), () =>
        {
            using IDisposable mode = inference_mode();
            straight.Run(_rows).Dispose();
        });
        return new PrefillComparison(ours, theirs, ratio);
    }

    /// <summary>Prefill with methods and without, alternating.</summary>
    /// <param name="label">How the result names them.</param>
    /// <param name="table">The methods' hooks on a decoder of this shape.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    public ReductionComparison CompareReduction(string label, HookTable table, CancellationToken cancellationToken)
    {
        WorkCounter full = Count(null, cancellationToken), reduced = Count(table, cancellationToken);
        (double with, double without, double ratio) = Alternate(() => Prefill(table, cancellationToken), () => Prefill(null, cancellationToken));
        return new ReductionComparison(
            label,
            with,
            without,
            ratio,
            (reduced.DecoderMacs(_decoder.Info) + reduced.OwnMacs.Values.Sum()) / (double)full.DecoderMacs(_decoder.Info),
            reduced.VisualTokens);
    }

    /// <summary>Decode beside a plain read of memory by the same threads.</summary>
    /// <param name="cancellationToken">Checked between layers.</param>
    public DecodeBandwidth MeasureDecode(CancellationToken cancellationToken)
    {
        // Tokens and reads alternate, and both sides give the best of five medians: the question is what the code reaches beside the memory, not what the
        // neighbours leave.
        using MemoryBandwidth memory = new(_ops.Threads);
        long bytes = _decoder.Weights.StreamedBytes;
        using IDisposable mode = inference_mode();
        using RequestContext request = Begin(null, null);
        RunPrompt(request, cancellationToken).Dispose();
        DecodeStep(request, cancellationToken);
        memory.Pass();
        double best = double.PositiveInfinity, read = 0;
        List<double> all = [];
        for (int round = 0; round < DecodeRounds; round++)
        {
            List<double> steps = [], reads = [];
            for (int token = 0; token < DecodeTokens; token++)
            {
                steps.Add(Time(() => DecodeStep(request, cancellationToken)));
                reads.Add(memory.Pass());
            }

            all.AddRange(steps);
            best = Math.Min(best, Statistics.Median(steps));
            read = Math.Max(read, Statistics.Median(reads));
        }

        return new DecodeBandwidth(Statistics.Median(all), best, bytes, bytes / best * 1000, read);
    }

    /// <summary>The prompt and tokens behind it, once and timed: for a side by side with another program, which takes turns with it.</summary>
    /// <param name="tokens">How many tokens follow the prompt, up to 60.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns>Milliseconds of the prompt with its logits, and of each token.</returns>
    public (double Prefill, IReadOnlyList<double> Decode) Run(int tokens, CancellationToken cancellationToken) => Run(PromptRows, tokens, cancellationToken);

    /// <summary>The prompt's first rows and tokens behind them, once and timed.</summary>
    /// <param name="rows">How many rows, from 1 to <see cref="PromptRows"/>.</param>
    /// <param name="tokens">How many tokens follow them, up to 60.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns>Milliseconds of the rows with the last one's logits, and of each token.</returns>
    public (double Prefill, IReadOnlyList<double> Decode) Run(int rows, int tokens, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens, DecodeTokens * DecodeRounds);
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, PromptRows);
        using IDisposable mode = inference_mode();
        SequenceLayout prompt = rows == PromptRows ? _layout : SequenceLayout.Create([new Span(SpanKind.Text, rows)]);
        using RequestContext request = Begin(prompt, null, null);
        double prefill = Time(() => RunPrompt(request, cancellationToken).Dispose());
        double[] decode = new double[tokens];
        for (int token = 0; token < tokens; token++)
        {
            decode[token] = Time(() => DecodeStep(request, cancellationToken));
        }

        return (prefill, decode);
    }

    /// <summary>Tells by stage where the time of the prompt and of a token behind it goes.</summary>
    /// <param name="tokens">Tokens of each answer, at least 2.</param>
    /// <param name="cancellationToken">Checked between layers and tokens.</param>
    public StageProfile Profile(int tokens, CancellationToken cancellationToken)
    {
        using IDisposable mode = inference_mode();
        GenerationOptions options = new() { MaxNewTokens = tokens };
        StagePasses passes = new(_ops);
        long bytes = 0;
        for (int round = 0; round <= _options.Rounds; round++)
        {
            passes.Run(kept: round > 0, _ =>
            {
                using GenerationSession session = new(_decoder, Begin(null, null));
                session.Prefill(_rows.clone(), cancellationToken);
                bytes = session.Generate(options, GenerationControl.None, null, cancellationToken).CacheBytes;
            });
        }

        return new StageProfile("random weights, no picture", "none", _shape.Name, MeasuredOn, PromptRows, passes.First, passes.Later)
        {
            CacheBytes = bytes,
        };
    }

    /// <summary>Disposes the model.</summary>
    public void Dispose()
    {
        _rows.Dispose();
        _decoder.Dispose();
        _source.Dispose();
        _ops.Dispose();
    }

    private RequestContext Begin(HookTable? table, IDecoderTrace? trace) => Begin(_layout, table, trace);

    private RequestContext Begin(SequenceLayout prompt, HookTable? table, IDecoderTrace? trace)
        => new(_decoder.Info, [prompt], table, trace, new KvCache(_shape.Decoder.Layers, 1, (DecodeTokens * DecodeRounds) + 2, _options.Cache));

    private void Prefill(HookTable? table, CancellationToken cancellationToken)
    {
        using IDisposable mode = inference_mode();
        using RequestContext request = Begin(table, null);
        RunPrompt(request, cancellationToken).Dispose();
    }

    private Tensor RunPrompt(RequestContext request, CancellationToken cancellationToken)
    {
        using ForwardState state = _decoder.Begin(request, DecoderPhase.Prefill, [request.Prompt(0)]);
        using Tensor first = _rows.narrow(0, 0, state.Rows);
        using Tensor output = _decoder.Run(state, first.clone(), cancellationToken);
        return _decoder.LastLogits(state, output);
    }

    private void DecodeStep(RequestContext request, CancellationToken cancellationToken)
    {
        SequenceLayout row = SequenceLayout.Create([new Span(SpanKind.Generated, 1)], [request.NextPosition(0)]);
        request.Advance(0, 1);
        using ForwardState state = _decoder.Begin(request, DecoderPhase.Decode, [row]);
        using Tensor output = _decoder.Run(state, _decoder.Embed([7]), cancellationToken);
        _decoder.LastLogits(state, output).Dispose();
    }

    private WorkCounter Count(HookTable? table, CancellationToken cancellationToken)
    {
        WorkCounter counter = new();
        using IDisposable mode = inference_mode();
        using RequestContext request = Begin(table, counter);
        RunPrompt(request, cancellationToken).Dispose();
        return counter;
    }

    // Medians of both in milliseconds, and of the rounds' own ratios: a load that comes and goes between rounds moves the times but not these. Every other
    // round begins with the second.
    private (double First, double Second, double Ratio) Alternate(Action first, Action second)
    {
        List<double> firsts = [], seconds = [];
        for (int round = 0; round <= _options.Rounds; round++)
        {
            double before = round % 2 == 0 ? 0 : Time(second), own = Time(first), other = round % 2 == 0 ? Time(second) : before;
            if (round > 0)
            {
                firsts.Add(own);
                seconds.Add(other);
            }
        }

        return (Statistics.Median(firsts), Statistics.Median(seconds), Statistics.Median(firsts.Zip(seconds, (a, b) => a / b)));
    }

    private double Time(Action action)
    {
        Synchronize();
        long started = Stopwatch.GetTimestamp();
        action();
        Synchronize();
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }

    private void Synchronize()
    {
        if (_options.Device.type == DeviceType.CUDA)
        {
            cuda.synchronize(_options.Device);
        }
    }
}
