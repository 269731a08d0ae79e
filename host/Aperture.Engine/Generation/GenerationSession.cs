using System.Diagnostics;
using Aperture.Decoding;
using Aperture.Measuring;
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
    private readonly List<(int Step, int Rows)> _forwards = []; // those that are whole, with the rows that the first sequence brought
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

    /// <summary>Whether rows may be appended: every sequence is still in the batch, in its place.</summary>
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

    /// <summary>Runs the rest of prompts whose first rows lie in the request's cache already.</summary>
    /// <param name="rows">Packed embedding rows <c>[rows, d]</c>; consumed.</param>
    /// <param name="rest">What the rows are, one layout a prompt, none of them empty.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    internal void Prefill(Tensor rows, SequenceLayout[] rest, CancellationToken cancellationToken)
    {
        Forward(rows, rest, DecoderPhase.Append, cancellationToken);
        CanAppend = true;
    }

    /// <summary>Runs further rows onto the live cache, such as the next turn of a chat. A token that ended an answer and was not run yet runs first.</summary>
    /// <param name="rows">Packed embedding rows <c>[rows, d]</c>; consumed.</param>
    /// <param name="spans">What the rows are, one list of spans a sequence. Positions follow the sequence's last one, one after the other.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    public void Append(Tensor rows, IReadOnlyList<IReadOnlyList<Span>> spans, CancellationToken cancellationToken)
        => Append(rows, [.. spans.Select(own => SequenceLayout.Create(own))], cancellationToken);

    /// <summary>Runs further rows onto the live cache, such as a turn with a picture whose rows are numbered on several axes.</summary>
    /// <param name="rows">Packed embedding rows <c>[rows, d]</c>; consumed.</param>
    /// <param name="turns">
    /// What the rows are, one layout a sequence, numbered from 0 as a packer numbers a prompt: every axis is moved behind the sequence's last position, and the
    /// row that follows comes after the largest id on any axis.
    /// </param>
    /// <param name="cancellationToken">Checked between layers.</param>
    public void Append(Tensor rows, IReadOnlyList<SequenceLayout> turns, CancellationToken cancellationToken)
    {
        if (!CanAppend || turns.Count != Request.Samples)
        {
            rows.Dispose();
            throw CanAppend
                ? new ArgumentException($"{turns.Count} appended sequences do not fit {Request.Samples} live ones.", nameof(turns))
                : new InvalidOperationException(
                    "Sequences have left the batch since the prompt ran (several prompts, or beams), so nothing can be appended; begin a session of one "
                    + "sequence for a chat.");
        }

        using IDisposable mode = inference_mode(); // belongs to the thread; nesting is allowed
        SequenceLayout[] layouts = [.. turns.Select((turn, sample) => Behind(turn, Request.NextPosition(sample), _unfed is not null))];
        if (_unfed is { } tokens)
        {
            rows = WithUnfed(rows, tokens, layouts);
            _unfed = null;
        }

        Request.Step++;
        Forward(rows, layouts, DecoderPhase.Append, cancellationToken);
        for (int sample = 0; sample < layouts.Length; sample++)
        {
            Request.Place(sample, Math.Max(Request.NextPosition(sample), layouts[sample].NextPosition));
        }
    }

    /// <summary>Generates from the rows run last.</summary>
    /// <param name="options">How to choose and when to end.</param>
    /// <param name="control">Who listens and who may end it.</param>
    /// <param name="seenIds">As <see cref="GenerationInput.SeenIds"/>.</param>
    /// <param name="cancellationToken">Checked between layers and tokens.</param>
    /// <exception cref="ApertureException">An option is out of range.</exception>
    public GenerationResult Generate(GenerationOptions options, GenerationControl control, IReadOnlyList<int[]>? seenIds, CancellationToken cancellationToken)
        => Generate(options, control, seenIds, [], cancellationToken);

    /// <summary>Disposes the request.</summary>
    public void Dispose()
    {
        _next?.Dispose();
        _next = null;
        Request.Dispose();
    }

    /// <summary>Rows of the one sequence that have run through all layers, dropped or not.</summary>
    internal int LiveRows => _forwards.Sum(forward => forward.Rows);

    /// <summary>Milliseconds of the prompt, or of what was appended last.</summary>
    internal double LastForward => _lastForward;

    /// <summary>How many of the first rows of the one sequence are whole forwards: none of them ran together with one behind them.</summary>
    /// <param name="rows">At most so many.</param>
    internal int Border(int rows)
    {
        int passed = 0;
        foreach ((_, int count) in _forwards)
        {
            if (passed + count > rows)
            {
                break;
            }

            passed += count;
        }

        return passed;
    }

    /// <summary>
    /// Goes back to the first rows of the one sequence: later ones leave the caches, also those of a forward that was stopped on the way, and so does a token
    /// that was chosen and has not run.
    /// </summary>
    /// <param name="rows">How many rows stay.</param>
    internal void Rewind(int rows)
    {
        int forward = 0, left = rows;
        while (forward < _forwards.Count && left >= _forwards[forward].Rows)
        {
            left -= _forwards[forward++].Rows;
        }

        int step = forward < _forwards.Count ? _forwards[forward].Step : forward > 0 ? _forwards[forward - 1].Step + 1 : 0;
        Request.Cache!.Truncate(0, LayerCache.Row(step, left));
        _forwards.RemoveRange(forward, _forwards.Count - forward);
        if (left > 0)
        {
            _forwards.Add((step, left));
        }

        _next?.Dispose();
        _next = null;
        _unfed = null;
        CanAppend = true;
    }

    /// <summary>Runs further rows of the one sequence whose positions are given as they stand, after <see cref="Rewind"/>.</summary>
    /// <param name="rows">Packed embedding rows <c>[rows, d]</c>; consumed.</param>
    /// <param name="layout">What the rows are.</param>
    /// <param name="next">The position id of the token that follows.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    internal void Extend(Tensor rows, SequenceLayout layout, int next, CancellationToken cancellationToken)
    {
        Request.Step++;
        Request.Place(0, next);
        Forward(rows, [layout], DecoderPhase.Append, cancellationToken);
    }

    /// <summary>Goes on with an answer of the one sequence that was stopped, or that was as long as it might be.</summary>
    /// <param name="begun">Its tokens so far; all but the last have run.</param>
    /// <param name="options">How to choose and when to end; the tokens so far count.</param>
    /// <param name="control">Who listens and who may end it.</param>
    /// <param name="seenIds">As <see cref="GenerationInput.SeenIds"/>.</param>
    /// <param name="cancellationToken">Checked between layers and tokens.</param>
    internal GenerationResult Resume(
        int[] begun, GenerationOptions options, GenerationControl control, int[] seenIds, CancellationToken cancellationToken)
    {
        using IDisposable mode = inference_mode();
        NextLogits next = DecodeStep([begun[^1]], cancellationToken);
        _next?.Dispose();
        _next = next;
        return Generate(options, control, [seenIds], begun, cancellationToken);
    }

    private GenerationResult Generate(
        GenerationOptions options, GenerationControl control, IReadOnlyList<int[]>? seenIds, ReadOnlySpan<int> begun, CancellationToken cancellationToken)
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
            foreach (int token in begun)
            {
                histories[sample].Add(token);
            }
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

    /// <summary>Opens the choice of a token as a stage where somebody measures.</summary>
    internal StageScope TimeSampling() => _decoder.Time(ForwardStage.Sampling);

    /// <summary>Tokens are chosen: what follows is on the way to the next ones.</summary>
    internal void EndPass() => _decoder.Clock?.EndPass();

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
        _forwards.Add((Request.Step, 1));
        for (int sample = 0; sample < layouts.Length; sample++)
        {
            Request.Advance(sample, 1);
        }

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
        _forwards.Add((Request.Step, layouts[0].Count));
    }

    // A turn as it stands behind a sequence, with the row of the token that was not run in front where there is one.
    private static SequenceLayout Behind(SequenceLayout turn, int next, bool hasUnfed)
    {
        int more = hasUnfed ? 1 : 0;
        int[] inFront = hasUnfed ? [next] : [];
        SequenceLayout whole = SequenceLayout.Create(hasUnfed ? [.. _oneRow, .. turn.OriginalSpans] : turn.OriginalSpans);
        if (turn.Count < turn.OriginalCount)
        {
            whole = whole.Keep([.. Enumerable.Range(0, more), .. turn.Original.ToArray().Select(row => row + more)]);
        }

        return whole.WithPositions([.. Enumerable.Range(0, turn.PositionAxes).Select(
            axis => (int[])[.. inFront, .. turn.PositionsOf(axis).ToArray().Select(position => next + more + position)])]);
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
