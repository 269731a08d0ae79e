using System.Diagnostics;
using Aperture.Decoding;
using Aperture.Sequences;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Generation;

/// <summary>
/// A decoder with a live cache: the prompt runs once, answers are generated, later turns are appended without running the earlier ones again.
/// All calls come from one thread at a time. Owns the request.
/// </summary>
public sealed class GenerationSession : IDisposable
{
    private static readonly Span[] _oneRow = [new Span(SpanKind.Generated, 1)];
    private readonly Decoder _decoder;
    private NextLogits? _next;
    private double _lastForward;
    private int[]? _unfed; // tokens chosen last, not yet run

    /// <summary>A session.</summary>
    /// <param name="decoder">The decoder; borrowed.</param>
    /// <param name="request">The request, with a cache; owned by the session from here on.</param>
    public GenerationSession(Decoder decoder, RequestContext request)
    {
        if (request.Cache is null)
        {
            throw new ArgumentException("Generating needs a request with a cache.", nameof(request));
        }

        _decoder = decoder;
        Request = request;
    }

    /// <summary>The request.</summary>
    public RequestContext Request { get; }

    /// <summary>Whether <see cref="Append"/> may follow: every sequence is still in the batch, in its place.</summary>
    public bool CanAppend { get; private set; }

    /// <summary>Runs the prompts.</summary>
    /// <param name="rows">Packed embedding rows <c>[rows, d]</c> of the request's prompts; consumed.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    public void Prefill(Tensor rows, CancellationToken cancellationToken)
    {
        if (Request.Step != 0 || _next is not null)
        {
            rows.Dispose();
            throw new InvalidOperationException("The session's prompt has run already; later rows are appended.");
        }

        SequenceLayout[] prompts = new SequenceLayout[Request.Samples];
        for (int sample = 0; sample < prompts.Length; sample++)
        {
            prompts[sample] = Request.Prompt(sample);
            if (prompts[sample].Count == 0)
            {
                rows.Dispose();
                throw new ApertureException($"Prompt {sample} of the batch is empty; give it at least one token.");
            }
        }

        Forward(rows, prompts, DecoderPhase.Prefill, cancellationToken);
        CanAppend = true;
    }

    /// <summary>Runs further rows onto the live cache, such as the next turn of a chat. A token that ended an answer and was not run yet runs first.</summary>
    /// <param name="rows">Packed embedding rows <c>[rows, d]</c>; consumed.</param>
    /// <param name="spans">What the rows are, one list of spans a sequence. Positions follow the sequence's last one.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    public void Append(Tensor rows, IReadOnlyList<IReadOnlyList<Span>> spans, CancellationToken cancellationToken)
    {
        if (!CanAppend || spans.Count != Request.Samples)
        {
            rows.Dispose();
            throw CanAppend
                ? new ArgumentException($"{spans.Count} appended sequences do not fit {Request.Samples} live ones.", nameof(spans))
                : new InvalidOperationException(
                    "Sequences have left the batch since the prompt ran (several prompts, or beams), so nothing can be appended; begin a session of one "
                    + "sequence for a chat.");
        }

        using IDisposable mode = inference_mode(); // belongs to the thread; nesting is allowed
        SequenceLayout[] layouts = new SequenceLayout[spans.Count];
        for (int sample = 0; sample < layouts.Length; sample++)
        {
            IReadOnlyList<Span> all = _unfed is null ? spans[sample] : [.. _oneRow, .. spans[sample]];
            int count = all.Sum(span => span.Length);
            layouts[sample] = SequenceLayout.Create(all, [.. Enumerable.Range(Request.NextPosition(sample), count)]);
        }

        if (_unfed is { } tokens)
        {
            rows = WithUnfed(rows, tokens, layouts);
            _unfed = null;
        }

        Request.Step++;
        Forward(rows, layouts, DecoderPhase.Append, cancellationToken);
        Advance(layouts);
    }

    /// <summary>Generates from the rows run last.</summary>
    /// <param name="options">How to choose and when to end.</param>
    /// <param name="control">Who listens and who may end it.</param>
    /// <param name="seenIds">As <see cref="GenerationInput.SeenIds"/>.</param>
    /// <param name="cancellationToken">Checked between layers and tokens.</param>
    /// <exception cref="ApertureException">An option is out of range.</exception>
    public GenerationResult Generate(GenerationOptions options, GenerationControl control, IReadOnlyList<int[]>? seenIds, CancellationToken cancellationToken)
    {
        options.Validate();
        if (options.StopStrings.Count > 0 && control.Stops.Count == 0)
        {
            throw new ArgumentException("StopStrings need a stop criterion over the model's tokenizer, such as KeywordStop.", nameof(options));
        }

        NextLogits first = _next ?? throw new InvalidOperationException("Nothing has run since the last answer: run a prompt or append rows first.");
        _next = null;
        using IDisposable mode = inference_mode(); // belongs to the thread; nesting is allowed
        int samples = Request.Samples;
        TokenHistory[] histories = new TokenHistory[samples];
        for (int sample = 0; sample < samples; sample++)
        {
            histories[sample] = new TokenHistory(seenIds is null ? [] : seenIds[sample], Math.Min(options.MaxNewTokens, 1024));
        }

        ulong seed = options.Seed ?? (ulong)Random.Shared.NextInt64();
        double prefill = _lastForward;
        List<double> decode = new(Math.Min(options.MaxNewTokens, 1024));
        CanAppend = false;
        IReadOnlyList<GeneratedSequence> sequences;
        if (options.Beams > 1)
        {
            sequences = new BeamSearch(this, histories, options, control, _decoder.Spec.VocabularySize).Run(first, decode, cancellationToken);
        }
        else
        {
            sequences = new TokenLoop(this, histories, options, control, seed).Run(first, decode, cancellationToken);
            CanAppend = Request.Samples == samples;
            _unfed = CanAppend ? [.. sequences.Select(sequence => sequence.Tokens[^1])] : null;
        }

        return new GenerationResult(sequences, new GenerationTimings(prefill, decode)) { Seed = seed, CacheBytes = Request.Cache!.Bytes };
    }

    /// <summary>Disposes the request.</summary>
    public void Dispose()
    {
        _next?.Dispose();
        _next = null;
        Request.Dispose();
    }

    /// <summary>Runs one token of each sequence.</summary>
    internal NextLogits DecodeStep(ReadOnlySpan<int> tokens, CancellationToken cancellationToken)
    {
        SequenceLayout[] layouts = new SequenceLayout[tokens.Length];
        for (int sample = 0; sample < layouts.Length; sample++)
        {
            layouts[sample] = SequenceLayout.Create(_oneRow, [Request.NextPosition(sample)]);
        }

        Request.Step++;
        using ForwardState state = _decoder.Begin(Request, DecoderPhase.Decode, layouts);
        using Tensor rows = _decoder.Run(state, _decoder.Embed(tokens), cancellationToken);
        NextLogits logits = new(_decoder.LastLogits(state, rows), _decoder.Spec.VocabularySize);
        Advance(layouts);
        return logits;
    }

    /// <summary>Re-orders the sequences, or lets some leave.</summary>
    internal void Select(ReadOnlySpan<int> slots) => Request.Select(slots);

    private void Forward(Tensor rows, SequenceLayout[] layouts, DecoderPhase phase, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        using IDisposable mode = inference_mode(); // belongs to the thread; nesting is allowed
        using ForwardState state = _decoder.Begin(Request, phase, layouts);
        long given = rows.size(0);
        if (given != state.Rows)
        {
            rows.Dispose();
            throw new ArgumentException($"{given} embedding rows do not fit layouts of {state.Rows} rows.", nameof(rows));
        }

        using Tensor output = _decoder.Run(state, rows, cancellationToken);
        _next?.Dispose();
        _next = new NextLogits(_decoder.LastLogits(state, output), _decoder.Spec.VocabularySize);
        _lastForward = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private void Advance(SequenceLayout[] layouts)
    {
        for (int sample = 0; sample < layouts.Length; sample++)
        {
            Request.Advance(sample, layouts[sample].Count);
        }
    }

    // Puts each sequence's unfed token in front of its appended rows.
    private Tensor WithUnfed(Tensor rows, int[] tokens, SequenceLayout[] layouts)
    {
        using DisposeScope scope = NewDisposeScope();
        using (rows)
        {
            Tensor embedded = _decoder.Embed(tokens);
            List<Tensor> parts = [];
            long next = 0;
            for (int sample = 0; sample < layouts.Length; sample++)
            {
                long count = layouts[sample].Count - 1;
                parts.Add(embedded.narrow(0, sample, 1));
                parts.Add(rows.narrow(0, next, count));
                next += count;
            }

            return cat(parts, 0).MoveToOuterDisposeScope();
        }
    }
}
